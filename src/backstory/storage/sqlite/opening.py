"""Opening the file: made when it is not there, refused when it is not ours or not sound."""

from __future__ import annotations

import os
import secrets

import apsw

from backstory import ids, limits
from backstory.clock import Clock
from backstory.encryption.cipher import Cipher
from backstory.errors import StoreCorruptError, StoreUnavailableError
from backstory.storage.meta import (
    Meta,
    must_begin,
    same_life,
    seal_secret,
    secret_of,
)
from backstory.storage.queries import read_sql
from backstory.storage.sqlite.counters import Counters
from backstory.storage.sqlite.database import QUERIES, SqliteDatabase
from backstory.storage.sqlite.faults import at
from backstory.storage.sqlite.lock import FileLock
from backstory.storage.sqlite.options import SqliteOptions
from backstory.storage.sqlite.words import SqliteWords
from backstory.storage.standing import Known, Standing
from backstory.storage.tables.words import index_all

APPLICATION_ID = 0x42535459
"""Stands in the file's header, so that a stranger's database is not taken for ours."""
SCHEMA_VERSION = 12
"""The number of the last migration."""
KNOWN = Known(single=9, floor=12, needed=11, newest=SCHEMA_VERSION)
"""The floor stands in the file's header too, as `user_version`."""
PAGE_BYTES = 4096


def prepare(options: SqliteOptions, clock: Clock, cipher: Cipher | None = None) -> Meta:
    """Make or check the file.

    Raises:
        StoreCorruptError: it is no database, not one of ours, or damaged.
        SchemaVersionError: another release made it.
        StoreUnavailableError: it cannot be opened or written, or stays locked too long.
        StoreFullError: there is no room for a new one.
        KeyUnusableError: it is encrypted, and there is no cipher, or another's.
    """
    if options.path.is_dir():
        raise StoreUnavailableError(f"{options.path} is a folder; name a file in it")
    try:
        options.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(options.lock_path, options.lock_seconds)
    except OSError as error:
        raise StoreUnavailableError(f"{options.path} cannot be opened: {error.strerror}") from error
    try:
        with lock:
            return _prepare_locked(options, clock, cipher)
    except apsw.Error as error:
        raise at(options.path, error) from error
    finally:
        lock.close()


def _prepare_locked(options: SqliteOptions, clock: Clock, cipher: Cipher | None) -> Meta:
    _touch(options)
    db = SqliteDatabase(options, busy_seconds=options.lock_seconds, cipher=cipher)
    try:
        if db.connection.readonly("main"):
            raise at(options.path, apsw.ReadOnlyError())
        if _is_empty(db):
            _create(db, options, clock)
        _check(db, options)
        meta = db.one(QUERIES.meta)
        if meta is None:
            raise StoreCorruptError(f"{options.path} has lost its meta row; restore a backup")
        epoch, first, kept, searching, keyed, erasure = meta
        begins = must_begin(cipher, keyed=bool(keyed))
        wanted = bool(searching) if options.search is None else options.search
        if begins or wanted != bool(searching):
            _set_search(db, on=wanted)
        if begins:
            db.run(QUERIES.set_keyed, seal_secret(cipher, kept))
        return Meta(epoch, bool(first), secret_of(cipher, kept), erasure)
    finally:
        db.close()


def _touch(options: SqliteOptions) -> None:
    """So that nobody but its owner ever could read the file."""
    if not options.path.exists():
        os.close(os.open(options.path, os.O_CREAT | os.O_WRONLY, 0o600))


def _is_empty(db: SqliteDatabase) -> bool:
    asked = ("PRAGMA user_version", "PRAGMA application_id", "SELECT count(*) FROM sqlite_schema")
    return not any(db.value(sql) for sql in asked)


def _create(db: SqliteDatabase, options: SqliteOptions, clock: Clock) -> None:
    db.run(f"PRAGMA page_size = {PAGE_BYTES}")
    if db.value("PRAGMA journal_mode = WAL") != "wal":
        raise StoreUnavailableError("this file system does not allow SQLite's WAL; use another")
    db.connection.execute("BEGIN IMMEDIATE")
    db.connection.execute(read_sql("backstory.storage.sqlite", "schema.sql"))
    db.run(
        QUERIES.begin_life,
        ids.epoch(),
        secrets.token_bytes(32),
        clock.now(),
        options.search is not False,
    )
    db.run(f"PRAGMA application_id = {APPLICATION_ID}")
    set_standing(db, Standing(KNOWN.floor, KNOWN.newest))
    db.connection.execute("COMMIT")


def _check(db: SqliteDatabase, options: SqliteOptions) -> None:
    if db.value("PRAGMA application_id") != APPLICATION_ID:
        raise StoreCorruptError(
            f"{options.path} is a database, but not one of Backstory's; choose another path"
        )
    check_version(db)
    pages, size = db.value("PRAGMA page_count"), db.value("PRAGMA page_size")
    if options.path.stat().st_size < (pages - _wal_pages(db)) * size:
        raise StoreCorruptError(f"{options.path} is cut off; restore a backup")
    if pages * size <= limits.QUICK_CHECK_BYTES:
        verdict = db.value("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise StoreCorruptError(f"{options.path} is damaged ({verdict}); restore a backup")


def check_version(db: SqliteDatabase) -> None:
    """Whether this release can use the file.

    Raises:
        SchemaVersionError: it cannot; names what can be done.
    """
    KNOWN.check(standing_of(db.connection))


def standing_of(connection: apsw.Connection) -> Standing:
    """Where the file stands."""
    has = connection.execute(QUERIES.has_applied).get
    applied = connection.execute(QUERIES.applied).get if has else None
    return KNOWN.standing(connection.pragma("user_version"), applied)


def set_standing(db: SqliteDatabase, standing: Standing) -> None:
    """Write down where the file stands, in the transaction that has brought it there."""
    db.run(f"PRAGMA user_version = {standing.floor:d}")
    if db.value(QUERIES.has_applied):
        db.run(QUERIES.set_applied, standing.applied)


def check_epoch(db: SqliteDatabase, epoch: str) -> None:
    """Whether the store is still in the life in which it was opened.

    Raises:
        StoreUnavailableError: it is not.
    """
    same_life(epoch, db.value(QUERIES.epoch))


def _wal_pages(db: SqliteDatabase) -> int:
    """How many pages may still be in the log only."""
    return db.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)[0]


def _set_search(db: SqliteDatabase, *, on: bool) -> None:
    """Make the index of words, or drop it."""
    db.connection.execute("BEGIN IMMEDIATE")
    db.run(QUERIES.set_searching, on)
    db.run(QUERIES.clear_entry_words)
    db.run(QUERIES.clear_state_words)
    if on:
        index_all(db, SqliteWords(db, Counters(db), on=True))
    db.run(QUERIES.all_indexed)
    db.connection.execute("COMMIT")
