"""Keeps the write-ahead log's file longer than what is in it.

A commit that makes its file longer has the file system write down the new length as well, each
time: such a commit took 1.7 times as long as one into room that was there. SQLite takes a log
with zeros behind its frames for one that it began anew, and writes over them.
"""

from __future__ import annotations

import os
from pathlib import Path

from backstory import limits
from backstory.storage.sqlite.database import SqliteDatabase

_FRAME_BYTES = 4096 + 24  # a page in the log, with its header
ENOUGH = limits.RESTART_PAGES
"""Pages after which the log begins anew, so that more room is of no use."""


def extend(db: SqliteDatabase, path: Path) -> int:
    """Add room behind the log's end; gives the pages there is room for then.

    Where the disk is nearly full nothing is added, and `ENOUGH` given. The caller holds the
    store's lock; SQLite's own is taken too, against writers of other programs.
    """
    disk = os.statvfs(path.parent)
    if disk.f_bavail * disk.f_frsize < limits.LOG_EXTENSION_DISK_BYTES or not path.exists():
        return ENOUGH
    db.connection.execute("BEGIN IMMEDIATE")
    try:
        size = _with_zeros(path, limits.LOG_EXTENSION_PAGES * _FRAME_BYTES)
    finally:
        db.connection.execute("ROLLBACK")
    return ENOUGH if size is None else size // _FRAME_BYTES


def _with_zeros(path: Path, more: int) -> int | None:
    """The file's length after; None where the disk took less, which it is given back."""
    # The locks of SQLite are on other files: closing this one lets go of none.
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        end = os.fstat(file).st_size
        try:
            written = os.pwrite(file, bytes(more), end)
        except OSError:
            written = 0
        if written < more:
            os.ftruncate(file, end)
            return None
        os.fdatasync(file)
        return end + more
    finally:
        os.close(file)
