"""What can be told of a database from outside."""

from __future__ import annotations

from dataclasses import dataclass

from backstory.storage.standing import Known, Standing


@dataclass(frozen=True, slots=True)
class ServerInspection:
    """What was found. `standing` is None where there is no store yet.

    `standbys` is the server's `synchronous_standby_names`; `bytes` are those of the database.
    """

    release: str
    standing: Standing | None
    known: Known
    fsync: bool
    synchronous_commit: str
    standbys: str
    connections: int
    max_connections: int
    bytes: int
