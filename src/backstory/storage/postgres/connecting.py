"""Connections to the server, a bounded number of them.

No session state is ever set: a pooler may give each transaction another session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
from asyncpg import Connection, Record

from backstory import limits
from backstory.errors import BusyError, StoreUnavailableError
from backstory.storage.postgres.faults import FOREIGN, translate
from backstory.storage.postgres.options import PostgresOptions


async def connect(
    options: PostgresOptions, *, seconds: float = limits.CONNECT_SECONDS, statements: int = 0
) -> Connection[Record]:
    """One connection of one's own, which keeps so many `statements` prepared.

    Raises:
        StoreUnavailableError: there is none to be had; the detail says why.
    """
    try:
        connection: Connection[Record] = await asyncpg.connect(
            options.dsn, timeout=seconds, statement_cache_size=statements
        )
    except FOREIGN as error:
        raise translate(error) from error
    except ValueError as error:
        raise StoreUnavailableError(f"the database's URL cannot be used ({error})") from error
    return connection


class Connections:
    """The pool of one process."""

    def __init__(self, options: PostgresOptions) -> None:
        self._options = options
        self._pool: asyncpg.Pool[Record] | None = None
        self._waiting = 0

    async def open(self) -> None:
        """Make the first connection.

        Raises:
            StoreUnavailableError: there is none to be had.
        """
        try:
            self._pool = await asyncpg.create_pool(
                self._options.dsn,
                min_size=1,
                max_size=self._options.connections,
                timeout=limits.CONNECT_SECONDS,
                command_timeout=self._options.seconds + limits.CONNECT_SECONDS,
                statement_cache_size=0 if self._options.pgbouncer else limits.STATEMENTS,
                reset=_nothing,
            )
        except FOREIGN as error:
            raise translate(error) from error

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[Connection[Record]]:
        """A connection for some time. What it raises is translated.

        Raises:
            BusyError: `limits.READ_QUEUE` are waiting already.
            StoreUnavailableError: none was free in time, or the server is gone.
        """
        if self._waiting >= limits.READ_QUEUE:
            raise BusyError("too many reads are waiting; try again", limit="READ_QUEUE")
        self._waiting += 1
        left = False
        try:
            async with self.lend() as connection:
                left, self._waiting = True, self._waiting - 1
                yield connection
        except FOREIGN as error:
            raise translate(error) from error
        finally:
            if not left:
                self._waiting -= 1

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Connection[Record]]:
        """The same for who knows the driver's errors."""
        if self._pool is None:
            raise StoreUnavailableError("the store is closed")
        pool = self._pool
        connection = await pool.acquire(timeout=self._options.seconds)
        try:
            yield connection
        finally:
            await _give_back(pool, connection)

    async def close(self) -> None:
        """Wait for those that are borrowed, then close all."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), limits.SHUTDOWN_SECONDS)
        except FOREIGN:
            pool.terminate()


async def _give_back(pool: asyncpg.Pool[Record], connection: Connection[Record]) -> None:
    """A connection in the middle of a transaction is of no use to anybody."""
    with suppress(asyncpg.InterfaceError):  # the pool has it back already: it is gone
        if connection.is_in_transaction():
            connection.terminate()
    await pool.release(connection)


async def roll_back(connection: Connection[Record]) -> None:
    """A connection that cannot is of no use any more, and is ended where it is given back."""
    with suppress(*FOREIGN):
        await connection.execute("ROLLBACK")


async def _nothing(connection: object) -> None:
    """Nothing was set in the session, so nothing has to be reset."""
