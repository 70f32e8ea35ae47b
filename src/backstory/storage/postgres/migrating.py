"""Bringing the tables to this release's schema, one migration a transaction.

Two who start at once take turns: a lock is held until the transaction ends, whoever pools the
connections.
"""

from __future__ import annotations

from collections.abc import Sequence

from asyncpg import Connection, Record

from backstory import ids
from backstory.errors import StoreUnavailableError
from backstory.storage.meta import Epochs
from backstory.storage.migrations import Migrated, Migration, migrated, migrations_of, pending
from backstory.storage.postgres.connecting import connect
from backstory.storage.postgres.faults import FOREIGN, translate
from backstory.storage.postgres.opening import OPENING, check_server, check_version, is_empty
from backstory.storage.postgres.options import PostgresOptions


def migrations() -> tuple[Migration, ...]:
    """All steps, in order."""
    return migrations_of("backstory.storage.postgres")


async def migrate(options: PostgresOptions, steps: Sequence[Migration] | None = None) -> Migrated:
    """Apply what is pending. Each step happens as a whole or not at all.

    Raises:
        SchemaVersionError: a newer release made the tables.
        StoreCorruptError: the tables are not Backstory's.
        StoreError: the server cannot be used, or a step failed; those before it are done.
    """
    steps = migrations() if steps is None else steps
    connection = await connect(options)
    try:
        await check_server(connection)
        before = await _version(connection)
        done = pending(steps, before)
        for step in done:
            await _apply(connection, step)
        return migrated(before, done)
    except FOREIGN as error:
        raise translate(error) from error
    finally:
        await connection.close()


async def begin_epoch(options: PostgresOptions) -> Epochs:
    """Begin another life of the store, and end all other connections to the database.

    A process that was opened in the life before finds out when it connects again, and does
    nothing any more.

    Raises:
        SchemaVersionError: another release made the tables.
        StoreError: there are none, or the server cannot be used.
    """
    connection = await connect(options)
    try:
        await check_server(connection)
        await _version(connection)
        async with connection.transaction():
            await connection.execute(OPENING.lock)
            await connection.execute(OPENING.lock_writers)
            before, after = await connection.fetchval(OPENING.epoch), ids.epoch()
            await check_version(connection)
            await connection.execute(OPENING.begin_epoch, after)
        await connection.execute(OPENING.end_others)
        return Epochs(before, after)
    except FOREIGN as error:
        raise translate(error) from error
    finally:
        await connection.close()


async def _version(connection: Connection[Record]) -> int:
    if await is_empty(connection):
        raise StoreUnavailableError(
            "there is no store in the database; `backstory serve` makes one"
        )
    return int(await connection.fetchval(OPENING.version))


async def _apply(connection: Connection[Record], step: Migration) -> None:
    async with connection.transaction():
        await connection.execute(OPENING.lock)
        if await connection.fetchval(OPENING.version) < step.number:
            await connection.execute(step.sql)
            await connection.execute(OPENING.set_version, step.number)
