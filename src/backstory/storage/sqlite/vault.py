"""The vault in a SQLite file of its own."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import apsw

from backstory import limits
from backstory.errors import StoreUnavailableError
from backstory.storage.sqlite.faults import at
from backstory.storage.vault.vault import Row, SqlVault, queries, schema

_PARAMETER: Final = re.compile(r"\$(\d)")
_APPLICATION_ID: Final = 0x4253544B
_PRAGMAS: Final = (
    "journal_mode = DELETE",  # no second file in which a destroyed key could live on
    "synchronous = FULL",
    "secure_delete = ON",
    "trusted_schema = OFF",
    f"application_id = {_APPLICATION_ID}",
)


class SqliteVault(SqlVault):
    """One connection, of which threads take turns. The file is made when it is needed first."""

    def __init__(self, path: Path) -> None:
        super().__init__(queries(""))
        self._path, self._lock = path, threading.Lock()
        self._connection: apsw.Connection | None = None

    def exists(self) -> bool:
        return self._path.exists()

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _rows(self, sql: str, *params: Any) -> Sequence[Row]:
        with self._lock:
            if self._connection is None:
                self._open()
            assert self._connection is not None
            try:
                asked = _PARAMETER.sub(r"?\1", sql)
                return self._connection.execute(asked, params).fetchall()
            except apsw.Error as error:
                raise at(self._path, error) from error

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self._path.exists():
                os.close(os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600))
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
            connection.set_busy_timeout(round(limits.LOCK_SECONDS * 1000))
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}").fetchall()
            made = schema(prefix="", number="INTEGER PRIMARY KEY AUTOINCREMENT", bytes="BLOB")
            connection.execute(f"BEGIN IMMEDIATE; {made}; COMMIT")
        except OSError as error:
            raise StoreUnavailableError(
                f"{self._path} cannot be opened: {error.strerror}"
            ) from error
        except apsw.Error as error:
            raise at(self._path, error) from error
        self._connection = connection
