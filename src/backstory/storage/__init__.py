"""The stores, each in a folder of its own, and what they share."""
