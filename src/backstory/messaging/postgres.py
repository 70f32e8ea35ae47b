"""PostgreSQL as the one who passes messages on: `LISTEN` and `NOTIFY`.

Both go over one connection of their own, never one that writes: a `NOTIFY` inside of commits
would let them queue for one lock. It has to lead to the server itself, since a pooler in
transaction mode gives each transaction another session, and notices go to a session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg
from asyncpg import Connection, Record

from backstory import limits
from backstory.errors import BusUnavailableError
from backstory.messaging.lines import Line, Take

FOREIGN: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, EOFError, TimeoutError)
"""All that may come out of the driver."""

POOLED: Final = (
    "it goes through a pooler, behind which LISTEN hears nothing; name the server itself in bus"
)
# Nothing is written that would have to be on the disk, so no commit of it waits for one.
SETTING: Final = "SET synchronous_commit = off"


class PostgresLink:
    """`lines.Link` to the database that a libpq connection URI names."""

    name = "PostgreSQL"

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    @asynccontextmanager
    async def open(self, channel: str, take: Take) -> AsyncIterator[Line]:
        """One connection, which hears and sends."""
        connection = await _connect(self._dsn)
        try:
            try:
                await _check_direct(connection)
                line = _Line(connection, channel)
                await connection.execute(SETTING)
                await connection.add_listener(channel, lambda *said: take(said[-1]))
            except FOREIGN as error:
                raise BusUnavailableError(_said(error)) from error
            yield line
        except BusUnavailableError:
            connection.terminate()  # a farewell would only be waited for
            raise
        finally:
            with suppress(*FOREIGN):
                await connection.close(timeout=limits.BUS_SECONDS)


class _Line:
    def __init__(self, connection: Connection[Record], channel: str) -> None:
        self._connection, self._channel = connection, channel
        self._lost = asyncio.Event()
        connection.add_termination_listener(lambda _: self._lost.set())

    async def send(self, message: str) -> None:
        # Neither can hold a quote: a channel and marks are letters, digits, _ and -.
        try:
            await self._connection.execute(f"NOTIFY {self._channel}, '{message}'")
        except FOREIGN as error:
            raise BusUnavailableError(_said(error)) from error

    async def lost(self) -> str:
        await self._lost.wait()
        return "PostgreSQL cannot be used (the connection was closed)"


async def _connect(dsn: str) -> Connection[Record]:
    try:
        connection: Connection[Record] = await asyncpg.connect(
            dsn, timeout=limits.BUS_SECONDS, statement_cache_size=0
        )
    except FOREIGN as error:
        raise BusUnavailableError(_said(error)) from error
    except ValueError as error:
        raise BusUnavailableError(f"the bus's URL cannot be used ({error})") from error
    return connection


async def _check_direct(connection: Connection[Record]) -> None:
    """A pooler names no process of the server, or another one, to its clients."""
    if await connection.fetchval("SELECT pg_backend_pid()") != connection.get_server_pid():
        raise BusUnavailableError(POOLED)


def _said(error: BaseException) -> str:
    """The driver's own words, which never hold a password."""
    lines = str(error).splitlines()
    return f"PostgreSQL cannot be used ({lines[0] if lines else type(error).__name__})"
