"""What an operator may choose about the SQLite store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backstory import limits


@dataclass(frozen=True, slots=True)
class SqliteOptions:
    """Where the file is and how it is used.

    `search` False keeps no index of words: half the bytes, and nothing to search. None leaves
    it as it is in the file; a new file has one. A change makes or drops the index.
    `lock_seconds` is how long a write waits for another process, or a reader for the file.
    `vfs` names an SQLite VFS that stands for the disk; the tests put a faulty one there.
    """

    path: Path
    search: bool | None = None
    lock_seconds: float = limits.LOCK_SECONDS
    vfs: str | None = None

    @property
    def lock_path(self) -> Path:
        """The file whose lock writers of all processes queue for."""
        return self.path.with_name(self.path.name + ".lock")

    @property
    def keys_path(self) -> Path:
        """Where keys and erasures are kept if no other place is named."""
        return self.path.with_name(self.path.name + ".keys")

    @property
    def wal_path(self) -> Path:
        """The write-ahead log, as SQLite names it."""
        return self.path.with_name(self.path.name + "-wal")
