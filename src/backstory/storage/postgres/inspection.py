"""What can be told of a database from outside."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerInspection:
    """What was found. `schema_version` is None where there is no store yet.

    `standbys` is the server's `synchronous_standby_names`; `bytes` are those of the database.
    """

    release: str
    schema_version: int | None
    newest: int
    fsync: bool
    synchronous_commit: str
    standbys: str
    connections: int
    max_connections: int
    bytes: int
