"""The change bus's adapters: how nodes hear of one another's changes."""
