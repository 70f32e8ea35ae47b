"""Looking at a file from outside: is it sound, and does it have room. Writes nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import apsw

from backstory.errors import StoreUnavailableError
from backstory.storage.sqlite.database import QUERIES
from backstory.storage.sqlite.faults import at
from backstory.storage.sqlite.lock import FileLock
from backstory.storage.sqlite.opening import APPLICATION_ID, standing_of
from backstory.storage.sqlite.options import SqliteOptions
from backstory.storage.standing import Standing


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found. `damage` holds SQLite's own words, none where the file is sound."""

    ours: bool
    standing: Standing
    damage: tuple[str, ...]
    file_bytes: int
    wal_bytes: int
    free_bytes: int
    mode: int


def inspect(options: SqliteOptions) -> Inspection:
    """Reads the whole file, which may take a while for a large one.

    Raises:
        StoreError: it cannot be opened or read.
        OSError: it is not there.
    """
    about = options.path.stat()
    disk = os.statvfs(options.path.parent)
    try:
        connection = apsw.Connection(
            str(options.path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=options.vfs
        )
        try:
            connection.set_busy_timeout(round(options.lock_seconds * 1000))
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.pragma("query_only", True)
            verdict = [str(row[0]) for row in connection.execute("PRAGMA quick_check(20)")]
            return Inspection(
                connection.pragma("application_id") == APPLICATION_ID,
                standing_of(connection),
                () if verdict == ["ok"] else tuple(verdict),
                about.st_size,
                options.wal_path.stat().st_size if options.wal_path.exists() else 0,
                disk.f_bavail * disk.f_frsize,
                about.st_mode & 0o777,
            )
        finally:
            connection.close()
    except apsw.Error as error:
        raise at(options.path, error) from error


def is_held(options: SqliteOptions, seconds: float) -> bool:
    """Whether nobody but one process comes to write, for as long as that. Writes nothing.

    Raises:
        StoreError: the file cannot be opened.
    """
    begun = replace(options, lock_seconds=seconds)
    try:
        if not options.lock_path.exists():
            return _is_locked(begun)
        lock = FileLock(options.lock_path, seconds)
        try:
            with lock:
                return _is_locked(begun)
        finally:
            lock.close()
    except StoreUnavailableError:
        return True
    except apsw.Error as error:
        raise at(options.path, error) from error


def _is_locked(options: SqliteOptions) -> bool:
    """By something that knows nothing of our queue."""
    flags = apsw.SQLITE_OPEN_READWRITE
    connection = apsw.Connection(str(options.path), flags=flags, vfs=options.vfs)
    try:
        connection.set_busy_timeout(round(options.lock_seconds * 1000))
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except apsw.BusyError:
        return True
    else:
        return False
    finally:
        connection.close()


def is_keyed(options: SqliteOptions) -> bool:
    """Whether anything in the file may be encrypted. Writes nothing.

    Raises:
        StoreError: it cannot be opened or read.
    """
    try:
        flags = apsw.SQLITE_OPEN_READONLY
        connection = apsw.Connection(str(options.path), flags=flags, vfs=options.vfs)
        try:
            connection.set_busy_timeout(round(options.lock_seconds * 1000))
            row = connection.execute(QUERIES.meta).fetchone()
        finally:
            connection.close()
    except apsw.SQLError:  # of an earlier schema
        return False
    except apsw.Error as error:
        raise at(options.path, error) from error
    return bool(row and row[4])
