"""`backstory export`: contexts as lines, and the file that they go to."""
