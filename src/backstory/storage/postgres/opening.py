"""Opening the database: made when it is empty, refused when it is not ours or not sound."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from asyncpg import Connection, Record

from backstory import ids
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
from backstory.storage.postgres.connecting import connect
from backstory.storage.postgres.database import PostgresDatabase
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.faults import FOREIGN, translate
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.waiting import calling
from backstory.storage.postgres.words import PostgresWords
from backstory.storage.queries import Queries, read_sql
from backstory.storage.standing import Known, Standing
from backstory.storage.tables.database import Names
from backstory.storage.tables.words import index_all
from backstory.storage.tokenizing import words

SCHEMA_VERSION = 10
"""The number of the last migration."""
KNOWN = Known(single=6, floor=10, needed=9, newest=SCHEMA_VERSION)
OPENING = Queries.load("backstory.storage.postgres", "opening.sql")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a store is told once, when it is opened."""

    meta: Meta
    synchronous_commit: str
    timeless: bool
    """Whether a statement that commits would not be ended by the server while it does."""


async def prepare(options: PostgresOptions, clock: Clock, cipher: Cipher | None = None) -> Opened:
    """Make or check the tables.

    Raises:
        StoreCorruptError: there are tables, but not Backstory's.
        SchemaVersionError: another release made them.
        StoreUnavailableError: the server cannot be reached, is a standby, or would lose what
            it acknowledged.
        KeyUnusableError: it is encrypted, and there is no cipher, or another's.
    """
    connection = await connect(options)
    try:
        return await _prepare(connection, options, clock, cipher)
    except FOREIGN as error:
        raise translate(error) from error
    finally:
        await connection.close()


async def _prepare(
    connection: Connection[Record],
    options: PostgresOptions,
    clock: Clock,
    cipher: Cipher | None,
) -> Opened:
    durable = await check_server(connection)
    async with connection.transaction():
        await connection.execute(OPENING.lock)
        if await is_empty(connection):
            await _create(connection, options, clock)
        await check_version(connection)
        await connection.execute(OPENING.everybody)
        row = await connection.fetchrow(QUERIES.meta)
        if row is None:
            raise StoreCorruptError("the database has lost its first row; restore a backup")
        begins = must_begin(cipher, keyed=row["keyed"])
        wanted = row["search"] if options.search is None else options.search
        if begins or wanted != row["search"]:
            await _set_search(connection, cipher, on=wanted)
        if begins:
            await connection.execute(QUERIES.set_keyed, seal_secret(cipher, row["secret"]))
        timeless = await connection.fetchval(OPENING.timeless)
    secret = secret_of(cipher, row["secret"])
    meta = Meta(row["epoch"], row["first_epoch"], secret, row["erasure"])
    return Opened(meta, durable, timeless)


async def check_server(connection: Connection[Record]) -> str:
    """How the server commits, where that can be relied on.

    Raises:
        StoreUnavailableError: it cannot, or the server is a standby.
    """
    row = await connection.fetchrow(OPENING.server)
    assert row is not None
    if row["standby"]:
        raise StoreUnavailableError(
            "the database is a standby; name the primary in --store", retry_after=1
        )
    if row["encoding"] != "UTF8":
        raise StoreUnavailableError(
            f"the database's encoding is {row['encoding']}; make one with ENCODING 'UTF8'"
        )
    if row["synchronous_commit"] == "off":
        raise StoreUnavailableError(
            "the database runs with synchronous_commit = off and would lose what it acknowledged; "
            "turn it on"
        )
    return str(row["synchronous_commit"])


async def is_empty(connection: Connection[Record]) -> bool:
    """Whether nothing was made here yet.

    Raises:
        StoreCorruptError: there are tables, but not Backstory's.
    """
    if await connection.fetchval(OPENING.is_ours):
        return False
    others = await connection.fetchval(OPENING.count_tables)
    if others:
        raise StoreCorruptError(
            f"the database has {others} tables, but none of Backstory's; "
            "choose an empty database or schema"
        )
    return True


async def _create(connection: Connection[Record], options: PostgresOptions, clock: Clock) -> None:
    await connection.execute(read_sql("backstory.storage.postgres", "schema.sql"))
    await connection.execute(
        OPENING.begin_life,
        KNOWN.floor,
        ids.epoch(),
        secrets.token_bytes(32),
        clock.now(),
        options.search is not False,
    )
    await connection.execute(OPENING.set_applied, KNOWN.newest)


async def check_version(connection: Connection[Record]) -> None:
    """Whether this release can use the tables.

    Raises:
        SchemaVersionError: it cannot; names what can be done.
    """
    KNOWN.check(await standing_of(connection))


async def standing_of(connection: Connection[Record]) -> Standing:
    """Where the database stands."""
    row = await connection.fetchrow(OPENING.standing)
    if row is None:
        raise StoreCorruptError("the database has lost its first row; restore a backup")
    return KNOWN.standing(*row)


async def check_epoch(connection: Connection[Record], epoch: str) -> None:
    """Whether the store is still in the life in which it was opened.

    Raises:
        StoreUnavailableError: it is not.
    """
    same_life(epoch, await connection.fetchval(OPENING.epoch))


async def _set_search(connection: Connection[Record], cipher: Cipher | None, *, on: bool) -> None:
    """Make the index of words, or drop it. Nobody writes meanwhile."""
    await connection.execute(OPENING.lock_writers)
    await connection.execute(QUERIES.set_searching, on)
    await connection.execute(QUERIES.clear_words)
    if on:
        db = PostgresDatabase(connection, Names(), words, cipher=cipher)
        await calling(_index, db)


def _index(db: PostgresDatabase) -> None:
    index = PostgresWords(db, on=True)
    index_all(db, index)
    index.finish()
    db.flush()
