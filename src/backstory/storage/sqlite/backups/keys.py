"""A copy of the keys and the list of erasures, which go apart from the data."""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from backstory import limits
from backstory.errors import StoreCorruptError
from backstory.storage.sqlite.backups import rooms
from backstory.storage.sqlite.faults import at


def copy_keys(path: Path, target: Path) -> None:
    """Copy them to a file that is not there yet, whole or not at all.

    Raises:
        ConflictError: the file is there, or somebody else is making it.
        InvalidError: it cannot be written.
        StoreFullError: there is no room for it.
        StoreError: they cannot be read, or are damaged.
    """
    rooms.look(target)
    with rooms.room(target, "part") as room:
        made = room / "keys.db"
        with rooms.saying(target):
            os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            _copy(path, made)
        except apsw.FullError as error:
            raise rooms.full(target) from error
        except apsw.Error as error:
            raise at(path, error) from error
        rooms.name_new(made, target)


def _copy(path: Path, made: Path) -> None:
    source = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    copy = apsw.Connection(str(made), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        source.set_busy_timeout(round(limits.LOCK_SECONDS * 1000))
        with copy.backup("main", source, "main") as backup:
            backup.step(-1)  # at once, so that it is of one moment
        verdict = copy.execute("PRAGMA quick_check(1)").fetchall()[0][0]
        if verdict != "ok":
            raise StoreCorruptError(f"{path} is damaged ({verdict}); use a copy of it")
    finally:
        copy.close()
        source.close()
