"""Bringing a file to this release's schema, one migration a transaction."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from backstory import ids
from backstory.errors import StoreCorruptError
from backstory.storage.meta import Epochs
from backstory.storage.migrations import Migrated, Migration, migrated, migrations_of, pending
from backstory.storage.sqlite.database import QUERIES, SqliteDatabase
from backstory.storage.sqlite.faults import at
from backstory.storage.sqlite.lock import FileLock
from backstory.storage.sqlite.opening import APPLICATION_ID, check_version
from backstory.storage.sqlite.options import SqliteOptions


def migrations() -> tuple[Migration, ...]:
    """All steps, in order."""
    return migrations_of("backstory.storage.sqlite")


def migrate(options: SqliteOptions, steps: Sequence[Migration] | None = None) -> Migrated:
    """Apply what is pending. Each step happens as a whole or not at all.

    Raises:
        SchemaVersionError: a newer release made the file.
        StoreCorruptError: the file is not one of ours.
        StoreError: it cannot be opened, or a step failed; those before it are done.
    """
    steps = migrations() if steps is None else steps
    lock = FileLock(options.lock_path, options.lock_seconds)
    try:
        with lock:
            return _migrate_locked(options, steps)
    except apsw.Error as error:
        raise at(options.path, error) from error
    finally:
        lock.close()


def _migrate_locked(options: SqliteOptions, steps: Sequence[Migration]) -> Migrated:
    db = SqliteDatabase(options, busy_seconds=options.lock_seconds)
    try:
        before = _version(db, options)
        steps = pending(steps, before)
        for step in steps:
            _apply(db, step)
        return migrated(before, steps)
    finally:
        db.close()


def begin_epoch(options: SqliteOptions) -> Epochs:
    """Begin another life of the store.

    Raises:
        SchemaVersionError: another release made the file.
        StoreCorruptError: the file is not one of ours.
        StoreError: it cannot be opened.
    """
    lock = FileLock(options.lock_path, options.lock_seconds)
    try:
        with lock:
            return _begin_epoch_locked(options)
    except apsw.Error as error:
        raise at(options.path, error) from error
    finally:
        lock.close()


def _begin_epoch_locked(options: SqliteOptions) -> Epochs:
    db = SqliteDatabase(options, busy_seconds=options.lock_seconds)
    try:
        _version(db, options)
        check_version(db)
        before, after = db.value(QUERIES.epoch), ids.epoch()
        db.run(QUERIES.begin_epoch, after)
        return Epochs(before, after)
    finally:
        db.close()


def _version(db: SqliteDatabase, options: SqliteOptions) -> int:
    if db.value("PRAGMA application_id") != APPLICATION_ID:
        raise StoreCorruptError(f"{options.path} is not one of Backstory's files")
    version: int = db.value("PRAGMA user_version")
    return version


def _apply(db: SqliteDatabase, step: Migration) -> None:
    db.connection.execute("BEGIN IMMEDIATE")
    try:
        db.connection.execute(step.sql)
        db.run(f"PRAGMA user_version = {step.number:d}")
        db.connection.execute("COMMIT")
    finally:
        if db.connection.in_transaction:
            db.connection.execute("ROLLBACK")
