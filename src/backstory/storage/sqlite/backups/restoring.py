"""A backup as a store again, in another epoch.

Everything is done in a folder beside the place: the bytes are compared while they are copied, brought to
this release's schema, looked through, and given another epoch. Only then the store takes its name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import apsw

from backstory import clock
from backstory.errors import InvalidError, SchemaVersionError, StoreCorruptError
from backstory.storage.meta import Epochs
from backstory.storage.migrations import Migrated
from backstory.storage.sqlite.backups import ends, occupying, rooms
from backstory.storage.sqlite.backups.ends import Backup, Told
from backstory.storage.sqlite.faults import at
from backstory.storage.sqlite.lock import FileLock
from backstory.storage.sqlite.migrating import begin_epoch, migrate
from backstory.storage.sqlite.opening import APPLICATION_ID, KNOWN
from backstory.storage.sqlite.options import SqliteOptions
from backstory.storage.standing import Standing

_ENDING: Final = "restoring"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where what was there before is now."""

    backup: Backup
    migrated: Migrated
    epochs: Epochs
    aside: Path | None


def check(source: Path, told: Told) -> Backup:
    """Whether a backup is whole, byte for byte, and one that this release can restore.

    Raises:
        InvalidError: it cannot be read.
        BackupUnusableError: it is no backup, was cut short or altered.
        SchemaVersionError: a newer release made it.
    """
    about = _usable(source)
    ends.checked(source, about, told)
    return about


def restore(
    source: Path, options: SqliteOptions, now: clock.Clock, told: Told, *, replace: bool = False
) -> Restored:
    """Make a store of a backup, where there is none or, with `replace`, in the place of one.

    Raises:
        StoreInUseError: somebody has the store open that is there.
        ConflictError: there is a store, and it is not to be replaced.
        StoreFullError: there is no room for it.
        InvalidError, BackupUnusableError, SchemaVersionError: as `check`.
        StoreError: it cannot be brought to this release's schema.
    """
    about = _usable(source)
    target = options.path
    with rooms.saying(target):
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    occupying.look(options, replace=replace)
    rooms.has_room(target, about.bytes)
    with rooms.room(target, _ENDING) as room:
        made = _options_in(room, options)
        _copy(source, about, made.path, target, told)
        try:
            done = _ready(made)
            epochs = begin_epoch(made)
            _close_log(made)
        except apsw.Error as error:
            raise at(target, error) from error
        return Restored(about, done, epochs, _put(made.path, options, now.now(), replace=replace))


def _usable(source: Path) -> Backup:
    about = ends.read(source)
    if about.schema_version > KNOWN.newest:
        try:
            KNOWN.check(Standing(about.schema_version, about.schema_version))
        except SchemaVersionError as error:
            raise SchemaVersionError(f"{source}: {error.detail}", **error.context) from error
    return about


def _options_in(room: Path, options: SqliteOptions) -> SqliteOptions:
    return replace(options, path=room / "store.db")


def _copy(source: Path, about: Backup, made: Path, target: Path, told: Told) -> None:
    with rooms.saying(target):
        handle = os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            ends.checked(source, about, told, file)
            file.flush()
            os.fsync(file.fileno())


def _ready(options: SqliteOptions) -> Migrated:
    """Bring it to this release's schema, and see that SQLite finds nothing wrong with it."""
    connection = apsw.Connection(str(options.path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        if connection.pragma("application_id") != APPLICATION_ID:
            raise StoreCorruptError("the backup is of a database that is not one of Backstory's")
        if connection.pragma("journal_mode", "wal") != "wal":
            raise InvalidError("this file system does not allow SQLite's WAL; use another")
        verdict = connection.execute("PRAGMA quick_check(1)").fetchall()[0][0]
        if verdict != "ok":
            raise StoreCorruptError(f"the backup is damaged ({verdict}); use another one")
    finally:
        connection.close()
    return migrate(options)


def _close_log(options: SqliteOptions) -> None:
    """Everything is in the file itself when the last connection closes."""
    if options.wal_path.exists() and options.wal_path.stat().st_size:
        connection = apsw.Connection(str(options.path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        connection.close()


def _put(made: Path, options: SqliteOptions, now: int, *, replace: bool) -> Path | None:
    lock = FileLock(options.lock_path, options.lock_seconds)
    try:
        with rooms.saying(options.path), lock:
            return occupying.put(made, options, now, replace=replace)
    finally:
        lock.close()
