"""What an operator may choose about the PostgreSQL store."""

from __future__ import annotations

from dataclasses import dataclass

from backstory import limits


@dataclass(frozen=True, slots=True)
class PostgresOptions:
    """Where the server is and how it is used.

    `dsn` is a libpq connection URI (https://www.postgresql.org/docs/current/libpq-connect.html).
    `search` False keeps no index of words; None leaves it as it is, a new store has one.
    `connections` are kept at most. `pgbouncer` prepares no statements, which a pooler in
    transaction mode may not hand on. `seconds` is how long anything may take whose answer
    is not due sooner.
    """

    dsn: str
    search: bool | None = None
    connections: int = limits.STORE_CONNECTIONS
    pgbouncer: bool = False
    seconds: float = limits.REQUEST_SECONDS
