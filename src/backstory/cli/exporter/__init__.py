"""`backstory export`: contexts as lines."""
