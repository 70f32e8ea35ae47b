"""What keeps strangers out: who calls, what they may do, and what can be read on the way."""
