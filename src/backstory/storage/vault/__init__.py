"""Keys and the list of erasures on SQLite or PostgreSQL, apart from the store."""
