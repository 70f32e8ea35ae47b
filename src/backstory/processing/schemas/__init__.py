"""The schema registry's core: what a kind demands, checked, compared and migrated; no I/O."""
