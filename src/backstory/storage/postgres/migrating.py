"""Bringing the tables to this release's schema, one migration a transaction.

Two who start at once take turns: a lock is held until the transaction ends, whoever pools the
connections.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import asyncpg
from asyncpg import Connection, Record

from backstory import ids, limits
from backstory.errors import StoreUnavailableError
from backstory.resilience.retrying import Backoff, retried
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
from backstory.storage.postgres.connecting import connect
from backstory.storage.postgres.faults import FOREIGN, translate
from backstory.storage.postgres.opening import (
    KNOWN,
    OPENING,
    check_server,
    check_version,
    is_empty,
    standing_of,
)
from backstory.storage.postgres.options import PostgresOptions


def migrations() -> tuple[Migration, ...]:
    """All steps, in order."""
    return migrations_of("backstory.storage.postgres")


async def migrate(
    options: PostgresOptions, steps: Sequence[Migration] | None = None, wanted: Wanted = ALL
) -> Migrated:
    """Apply what is pending and wanted. Each step happens as a whole or not at all.

    Raises:
        SchemaVersionError: a newer release made the tables, or another step comes first.
        StoreCorruptError: the tables are not Backstory's.
        StoreError: the server cannot be used, or a step failed; those before it are done.
    """
    steps = migrations() if steps is None else steps
    connection = await connect(options)
    try:
        await check_server(connection)
        await _check_there(connection)
        standing = await standing_of(connection)
        left = pending(steps, standing)
        done = chosen(left, wanted)
        for step in done:
            await _apply(connection, step)
        return migrated(standing.applied, done, left)
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
        await _check_there(connection)
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


async def _check_there(connection: Connection[Record]) -> None:
    if await is_empty(connection):
        raise StoreUnavailableError(
            "there is no store in the database; `backstory serve` makes one"
        )


async def _apply(connection: Connection[Record], step: Migration) -> None:
    """One step, as soon as it has its tables.

    Whoever wants a table waits behind a step that waits for it, so a step gives up soon, lets
    the others pass and tries again.

    Raises:
        StoreUnavailableError: others had the tables all the time; nothing of it was done.
    """
    backoff = Backoff(
        limits.MIGRATE_TRIES, limits.MIGRATE_PAUSE_SECONDS, limits.MIGRATE_PAUSE_SECONDS
    )
    try:
        await retried(partial(_try, connection, step), _again, backoff, seconds=_PATIENCE)
    except _GIVES_WAY as error:
        raise StoreUnavailableError(
            f"step {step.number} ({step.name}) did not get its tables in "
            f"{limits.MIGRATE_TRIES} tries, since others use them; nothing of it was done, try "
            "again when less is going on",
            retry_after=1,
        ) from error


_PATIENCE: Final = limits.MIGRATE_TRIES * (
    limits.MIGRATE_LOCK_SECONDS + limits.MIGRATE_PAUSE_SECONDS
)


_SAID: Final = 9
"""The step from which on policies know what is said about all tenants."""
_GIVES_WAY: Final = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)


def _again(error: Exception) -> float | None:
    return 0.0 if isinstance(error, _GIVES_WAY) else None


async def _try(connection: Connection[Record], step: Migration) -> None:
    async with connection.transaction():
        # Where this process is killed, the server ends the step at once, and not when it is done.
        await connection.execute(OPENING.notice_leaving)
        await connection.execute(OPENING.lock)
        await connection.execute(OPENING.hurry, f"{limits.MIGRATE_LOCK_SECONDS * 1000:.0f}ms")
        standing = await standing_of(connection)
        if standing.applied >= _SAID:
            await connection.execute(OPENING.everybody)
        if standing.applied < step.number:
            await connection.execute(step.sql)
            leaves_floor = step.deploy is Deploy.BEFORE
            reached = KNOWN.after(step.number, standing, leaves_floor=leaves_floor)
            await connection.execute(OPENING.set_version, reached.floor)
            if step.number > KNOWN.single:
                await connection.execute(OPENING.set_applied, reached.applied)
