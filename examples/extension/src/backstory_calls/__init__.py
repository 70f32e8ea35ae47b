"""Phone calls for Backstory: each module holds one extension and the maker its entry point names."""
