"""The store of many nodes: one PostgreSQL database."""
