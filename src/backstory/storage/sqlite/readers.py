"""Reads that take longer than a point read, on a few threads with a connection each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

import apsw

from backstory import limits
from backstory.errors import BusyError, StoreUnavailableError
from backstory.resilience.deadlines import left
from backstory.resilience.stepping import waits
from backstory.storage.sqlite.database import SqliteDatabase
from backstory.storage.sqlite.faults import translate

P = ParamSpec("P")
T = TypeVar("T")


class Readers:
    """Runs functions that read, each within one snapshot of the file."""

    def __init__(self, connect: Callable[[], SqliteDatabase]) -> None:
        self._connect = connect
        self._pool = ThreadPoolExecutor(limits.READ_THREADS, "backstory-read")
        self._own = threading.local()
        self._databases: list[SqliteDatabase] = []
        self._waiting = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Reads that wait or are under way."""
        return self._waiting

    async def run(
        self, read: Callable[Concatenate[SqliteDatabase, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `read(database, ...)` returns.

        Raises:
            WaitsError: the caller does not wait.
            BusyError: `limits.READ_QUEUE` reads are waiting already.
            StoreError: the file cannot be read, or not before the caller's deadline.
        """
        waits()
        if self._waiting >= limits.READ_QUEUE:
            raise BusyError("too many reads are waiting; try again", limit="READ_QUEUE")
        self._waiting += 1
        try:
            future = self._pool.submit(self._read, lambda db: read(db, *args, **kwargs))
            async with asyncio.timeout(left()):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            raise StoreUnavailableError(_TOO_LONG, retry_after=1) from error
        except RuntimeError as error:
            if self._closed:
                raise StoreUnavailableError("the store is closed") from error
            raise
        finally:
            # A read whose caller is gone is cancelled, or one of the few that run.
            self._waiting -= 1

    def _read(self, read: Callable[[SqliteDatabase], T]) -> T:
        try:
            db = self._database()
            db.refresh()
            with db.snapshot():
                return read(db)
        except apsw.Error as error:
            raise translate(error) from error

    def _database(self) -> SqliteDatabase:
        db: SqliteDatabase | None = getattr(self._own, "db", None)
        if db is None:
            db = self._own.db = self._connect()
            self._databases.append(db)
        return db

    def close(self) -> None:
        """Let the reads under way end, then close their connections."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        while self._databases:
            self._databases.pop().close()


_TOO_LONG = "the database file took longer than the answer could wait; try again"
