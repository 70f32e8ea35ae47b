"""Looking at a database from outside: can it be used, and does it keep what it is given."""

from __future__ import annotations

from backstory.storage.postgres.connecting import connect
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.faults import FOREIGN, translate
from backstory.storage.postgres.inspection import ServerInspection
from backstory.storage.postgres.opening import KNOWN, OPENING, is_empty, standing_of
from backstory.storage.postgres.options import PostgresOptions


async def inspect(options: PostgresOptions) -> ServerInspection:
    """Writes nothing.

    Raises:
        StoreCorruptError: there are tables, but not Backstory's.
        StoreUnavailableError: it cannot be reached.
    """
    connection = await connect(options)
    try:
        look = await connection.fetchrow(OPENING.look)
        standing = None if await is_empty(connection) else await standing_of(connection)
        return ServerInspection(
            look["release"],
            standing,
            KNOWN,
            look["fsync"] == "on",
            look["synchronous_commit"],
            look["standbys"],
            look["connections"],
            look["max_connections"],
            look["bytes"],
        )
    except FOREIGN as error:
        raise translate(error) from error
    finally:
        await connection.close()


async def time_of(options: PostgresOptions) -> float:
    """The server's clock, in seconds since the Unix epoch.

    Raises:
        StoreError: it cannot be asked.
    """
    connection = await connect(options)
    try:
        return float(await connection.fetchval(QUERIES.clock))
    except FOREIGN as error:
        raise translate(error) from error
    finally:
        await connection.close()


async def is_keyed(options: PostgresOptions) -> bool:
    """Whether anything in the database may be encrypted. Writes nothing.

    Raises:
        StoreUnavailableError: it cannot be reached.
    """
    connection = await connect(options)
    try:
        if await is_empty(connection) or await connection.fetchval(OPENING.version) < _KEYED:
            return False
        row = await connection.fetchrow(QUERIES.meta)
        return bool(row and row["keyed"])
    except FOREIGN as error:
        raise translate(error) from error
    finally:
        await connection.close()


_KEYED = 3
"""The schema version from which on a store may be encrypted."""
