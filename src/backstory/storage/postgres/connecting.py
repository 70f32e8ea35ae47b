"""Connections to the server, a bounded number of them.

No session state is ever set: a pooler may give each transaction another session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial

import asyncpg
from asyncpg import Connection, Record

from backstory import limits
from backstory.errors import BusyError, StoreUnavailableError
from backstory.resilience.breaker import Breaker
from backstory.resilience.deadlines import detached, remaining
from backstory.storage.postgres.faults import FOREIGN, translate
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.presence import Presence
from backstory.storage.postgres.watch import Watch


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
    """The pool of one process, behind a breaker.

    Some connections are kept from readers, so that writers always get on. `look` finds out on a
    connection of its own whether the server is there, and raises what says that it is not;
    `begun` is shown each new connection, since it may lead to another server.
    """

    def __init__(
        self,
        options: PostgresOptions,
        look: Callable[[], Awaitable[None]],
        begun: Callable[..., Awaitable[None]],
        breaker: Breaker,
    ) -> None:
        self._options, self._begun = options, begun
        self.presence = Presence(look, breaker, self._lost)
        self._pool: asyncpg.Pool[Record] | None = None
        self._waiting = 0
        writing = min(limits.WRITE_LANES, max(1, options.connections // 4))
        self._turns = asyncio.Semaphore(options.connections - writing)
        self._watch = Watch(self.presence.look)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Reads that wait for a connection."""
        return self._waiting

    @property
    def sizes(self) -> tuple[int, int]:
        """How many connections of the pool are busy, and how many are idle."""
        if self._pool is None:
            return 0, 0
        idle = self._pool.get_idle_size()
        return self._pool.get_size() - idle, idle

    @property
    def seconds(self) -> float:
        """How long anything may take that has no sooner deadline."""
        return self._options.seconds

    async def open(self, *, least: int = 1) -> None:
        """Make the first connections, `least` of them, which are kept.

        Raises:
            StoreUnavailableError: there is none to be had.
        """
        try:
            self._pool = await asyncpg.create_pool(
                self._options.dsn,
                min_size=least,
                max_size=self._options.connections,
                timeout=limits.CONNECT_SECONDS,
                command_timeout=self._options.seconds + limits.CONNECT_SECONDS,
                statement_cache_size=0 if self._options.pgbouncer else limits.STATEMENTS,
                init=self._begun,
                reset=_nothing,
            )
        except FOREIGN as error:
            raise translate(error) from error

    # -- borrowing ---------------------------------------------------------------------

    def require(self) -> None:
        """Nothing, while the server is not known to be away.

        Raises:
            StoreUnavailableError: it is.
        """
        self.presence.require()

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[Connection[Record]]:
        """A connection for a read, until its answer is due. What it raises is translated.

        Who has to wait for it leaves in the middle of its time: with too many readers each would
        else get its turn when it is too late, and use up what another could be answered with.

        Raises:
            BusyError: `limits.READ_QUEUE` are waiting already, or none was free soon enough.
            StoreUnavailableError: the server is gone, or did not answer in time.
        """
        self.require()
        if self._waiting >= limits.READ_QUEUE:
            raise BusyError("too many reads are waiting; try again", limit="READ_QUEUE")
        self._waiting += 1
        queued, left = True, remaining(self.seconds)
        now = asyncio.get_running_loop().time()
        share = limits.TURN_SHARE if self._turns.locked() else 1
        try:
            async with asyncio.timeout_at(now + share * left) as clock, self._turns:
                queued, self._waiting = False, self._waiting - 1
                if share < 1:
                    clock.reschedule(now + left)
                async with self.lend(None) as connection:
                    yield connection
        except FOREIGN as error:
            if queued:
                raise BusyError(_NONE_FREE, limit="STORE_CONNECTIONS", retry_after=1) from error
            raise translate(error) from error
        finally:
            if queued:
                self._waiting -= 1

    @asynccontextmanager
    async def lend(self, seconds: float | None) -> AsyncIterator[Connection[Record]]:
        """The same for who knows the driver's errors; waits `seconds` for it at most.

        Raises:
            StoreUnavailableError: the server is known to be away, or the store is closed.
        """
        if self._pool is None:
            raise StoreUnavailableError("the store is closed")
        pool = self._pool
        clock = asyncio.timeout(None if seconds is None else remaining(seconds))
        async with self.presence.asking():
            with self._watch.over(lambda: clock.reschedule(0)) as waiting:
                async with clock:
                    connection = await pool.acquire()
                waiting.cut = partial(_end, connection)
                try:
                    yield connection
                except asyncio.CancelledError:
                    self._later(_given_up(pool, connection))
                    raise
                except BaseException:
                    await _give_back(pool, connection)
                    raise
                await _give_back(pool, connection)

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[Connection[Record]]:
        """A connection besides those of the pool, for what may take very long.

        Raises:
            StoreUnavailableError: there is none to be had.
        """
        async with self.presence.asking():
            connection = await connect(self._options)
            try:
                yield connection
            finally:
                connection.terminate()

    @asynccontextmanager
    async def watched(self, cut: Callable[[], object]) -> AsyncIterator[None]:
        """Around what is asked on a connection that somebody keeps; `cut` ends that.

        Raises:
            StoreUnavailableError: the server is known to be away.
        """
        async with self.presence.asking():
            with self._watch.over(cut):
                yield

    async def to_keep(self, seconds: float) -> Connection[Record]:
        """A connection besides those of the pool, made in time, for statements asked often.

        Raises:
            StoreUnavailableError: there is none to be had.
        """
        statements = 0 if self._options.pgbouncer else limits.STATEMENTS
        connection = await connect(self._options, seconds=seconds, statements=statements)
        try:
            await self._begun(connection)
        except BaseException as error:
            connection.terminate()
            if isinstance(error, FOREIGN):
                raise translate(error) from error
            raise
        return connection

    def let_go(self, connection: Connection[Record]) -> None:
        """End one that was kept, on which the server was too slow: nobody waits for that.

        A server does not notice that nobody listens any more to a statement that waits for a lock,
        so it is told first.
        """
        self._later(_ended(connection))

    async def close(self) -> None:
        """Wait for those that are borrowed, then close all."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        await self._watch.close()
        if self._tasks:
            await asyncio.wait(self._tasks)
        try:
            await asyncio.wait_for(pool.close(), limits.SHUTDOWN_SECONDS)
        except FOREIGN:
            pool.terminate()

    # -- what nobody waits for ---------------------------------------------------------

    def _lost(self) -> None:
        """No connection to a server that is away is of any use, and nobody needs to find that out."""
        if self._pool is not None:
            self._later(self._pool.expire_connections())
        self._watch.cut()

    def _later(self, work: Coroutine[object, object, None]) -> None:
        """Nobody waits for that."""
        task = asyncio.create_task(work, name="backstory-connection", context=detached())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_NONE_FREE = "all connections to the database were in use for too long; try again"


def _end(connection: Connection[Record]) -> None:
    with suppress(asyncpg.InterfaceError):  # it was given back just now
        connection.terminate()


async def _ended(connection: Connection[Record]) -> None:
    with suppress(*FOREIGN):
        async with asyncio.timeout(limits.CHECK_SECONDS):
            # The driver has asked the server to give up; its next statement waits for that.
            await connection.execute("SELECT 1")
    connection.terminate()


async def _given_up(pool: asyncpg.Pool[Record], connection: Connection[Record]) -> None:
    """What was under way may have begun a transaction, which is known once it has ended."""
    with suppress(*FOREIGN):
        await connection.execute("SELECT 1", timeout=limits.CHECK_SECONDS)
    await _give_back(pool, connection)


async def _give_back(pool: asyncpg.Pool[Record], connection: Connection[Record]) -> None:
    """A connection in the middle of a transaction is of no use to anybody.

    Nor is one on which a statement that was given up does not end.
    """
    with suppress(*FOREIGN):  # the pool has it back already: it is gone
        if connection.is_in_transaction():
            connection.terminate()
        await pool.release(connection, timeout=limits.CHECK_SECONDS)


async def roll_back(connection: Connection[Record]) -> None:
    """A connection that cannot is of no use any more, and is ended where it is given back."""
    with suppress(*FOREIGN):
        await connection.execute("ROLLBACK")


async def _nothing(connection: object) -> None:
    """Nothing was set in the session, so nothing has to be reset."""
