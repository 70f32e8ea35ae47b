"""Data processing: what comes in is parsed, checked against its kind, and transformed."""
