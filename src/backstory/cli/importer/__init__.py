"""How `backstory import` brings conversations into a store, however often it is run."""
