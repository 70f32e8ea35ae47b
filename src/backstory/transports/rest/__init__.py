"""REST under `/v1`, and the endpoints of operations."""
