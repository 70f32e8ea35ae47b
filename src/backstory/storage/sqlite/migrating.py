"""Bringing a file to this release's schema, one migration a transaction.

Migrations are files `NNNN-before-deploy-name.sql` or `NNNN-after-deploy-name.sql`; the number
is the schema version that the file has after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import apsw

from backstory.errors import SchemaVersionError, StoreCorruptError
from backstory.storage.sqlite.database import Database
from backstory.storage.sqlite.faults import at
from backstory.storage.sqlite.lock import FileLock
from backstory.storage.sqlite.opening import APPLICATION_ID
from backstory.storage.sqlite.options import SqliteOptions

_NAME = re.compile(r"(\d{4})-(?:before|after)-deploy-([a-z0-9-]+)\.sql\Z")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step, to the schema version `number`."""

    number: int
    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Migrated:
    """From which schema version to which, and by what; equal where there was nothing to do."""

    before: int
    after: int
    applied: tuple[str, ...]


def migrations(folder: Traversable | None = None) -> tuple[Migration, ...]:
    """All steps, in order."""
    folder = folder or files("backstory.storage.sqlite") / "migrations"
    named = ((_NAME.match(file.name), file) for file in folder.iterdir())
    steps = [
        Migration(int(match[1]), match[2], file.read_text(encoding="utf-8"))
        for match, file in named
        if match
    ]
    return tuple(sorted(steps, key=lambda step: step.number))


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
    db = Database(options, busy_seconds=options.lock_seconds)
    try:
        before = _version(db, options)
        newest = steps[-1].number if steps else 0
        if before > newest:
            raise SchemaVersionError(
                f"the store has schema version {before}, this release knows {newest}; "
                "use the newer release that made it",
                found=before,
                needed=newest,
            )
        pending = [step for step in steps if step.number > before]
        for step in pending:
            _apply(db, step)
        return Migrated(before, max(before, newest), tuple(step.name for step in pending))
    finally:
        db.close()


def _version(db: Database, options: SqliteOptions) -> int:
    if db.value("PRAGMA application_id") != APPLICATION_ID:
        raise StoreCorruptError(f"{options.path} is not one of Backstory's files")
    version: int = db.value("PRAGMA user_version")
    return version


def _apply(db: Database, step: Migration) -> None:
    db.connection.execute("BEGIN IMMEDIATE")
    try:
        db.connection.execute(step.sql)
        db.run(f"PRAGMA user_version = {step.number:d}")
        db.connection.execute("COMMIT")
    finally:
        if db.connection.in_transaction:
            db.connection.execute("ROLLBACK")
