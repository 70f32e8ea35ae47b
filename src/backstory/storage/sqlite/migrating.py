"""Bringing a file to this release's schema, one migration a transaction.

Others write in between, and while a step looks at what it will need.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import apsw
import orjson

from backstory import ids
from backstory.errors import StoreCorruptError
from backstory.storage.meta import Epochs
from backstory.storage.migrations import (
    ALL,
    Deploy,
    Migrated,
    Migration,
    Wanted,
    chosen,
    migrated,
    migrations_of,
    pending,
)
from backstory.storage.sqlite.database import QUERIES, SqliteDatabase
from backstory.storage.sqlite.faults import at
from backstory.storage.sqlite.lock import FileLock
from backstory.storage.sqlite.opening import (
    APPLICATION_ID,
    KNOWN,
    check_version,
    set_standing,
    standing_of,
)
from backstory.storage.sqlite.options import SqliteOptions
from backstory.storage.tables.auditing import authors_in


def migrations() -> tuple[Migration, ...]:
    """All steps, in order."""
    return migrations_of("backstory.storage.sqlite")


def migrate(
    options: SqliteOptions, steps: Sequence[Migration] | None = None, wanted: Wanted = ALL
) -> Migrated:
    """Apply what is pending and wanted. Each step happens as a whole or not at all.

    Who migrates at the same time takes turns, and nothing is done twice.

    Raises:
        SchemaVersionError: a newer release made the file, or another step comes first.
        StoreCorruptError: the file is not one of ours.
        StoreError: it cannot be opened, or a step failed; those before it are done.
    """
    steps = migrations() if steps is None else steps
    lock = FileLock(options.lock_path, options.lock_seconds)
    try:
        with closing(_opened(options, lock)) as db:
            standing = standing_of(db.connection)
            left = pending(steps, standing)
            done = chosen(left, wanted)
            for step in done:
                _look(db, step)
                with lock:
                    _apply(db, step)
            return migrated(standing.applied, done, left)
    except apsw.Error as error:
        raise at(options.path, error) from error
    finally:
        lock.close()


def _opened(options: SqliteOptions, lock: FileLock) -> SqliteDatabase:
    with lock:
        db = SqliteDatabase(options, busy_seconds=options.lock_seconds)
        try:
            _check_ours(db, options)
        except BaseException:
            db.close()
            raise
    learn_steps(db.connection)
    return db


def learn_steps(connection: apsw.Connection) -> None:
    """Register the function that a step needs."""
    connection.create_scalar_function("audited_authors", _audited_authors, 1, deterministic=True)


def _audited_authors(*values: Any) -> str:
    """The numbers of authors that a block of the audit trail names, as JSON."""
    return orjson.dumps(sorted(authors_in(*values))).decode()


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
        _check_ours(db, options)
        check_version(db)
        before, after = db.value(QUERIES.epoch), ids.epoch()
        db.run(QUERIES.begin_epoch, after)
        return Epochs(before, after)
    finally:
        db.close()


def _check_ours(db: SqliteDatabase, options: SqliteOptions) -> None:
    if db.value("PRAGMA application_id") != APPLICATION_ID:
        raise StoreCorruptError(f"{options.path} is not one of Backstory's files")


def _look(db: SqliteDatabase, step: Migration) -> None:
    """All of one moment, into temporary tables. Holds nobody up."""
    if step.looks:
        db.connection.execute(f"BEGIN; {step.looks} COMMIT")


def _apply(db: SqliteDatabase, step: Migration) -> None:
    db.connection.execute("BEGIN IMMEDIATE")
    try:
        standing = standing_of(db.connection)
        if standing.applied >= step.number:
            return
        db.connection.execute(step.sql)
        leaves_floor = step.deploy is Deploy.BEFORE
        set_standing(db, KNOWN.after(step.number, standing, leaves_floor=leaves_floor))
        db.connection.execute("COMMIT")
    finally:
        if db.connection.in_transaction:
            db.connection.execute("ROLLBACK")
