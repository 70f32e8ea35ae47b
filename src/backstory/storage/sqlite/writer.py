"""The one thread of a process that writes, and the queue before it.

Whatever waits when the thread is free goes into one transaction (group commit): one turn at
the lock, one fsync, many commits. Each caller hears of its own job only after the fsync.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import apsw

from backstory import limits
from backstory.clock import Clock
from backstory.domain.sealing import Seal
from backstory.errors import (
    BusyError,
    OutcomeUnknownError,
    StoreError,
    StoreUnavailableError,
)
from backstory.storage.sqlite.checkpointer import Checkpointer
from backstory.storage.sqlite.database import SqliteDatabase
from backstory.storage.sqlite.erasing import erase_some
from backstory.storage.sqlite.faults import ENVIRONMENT, translate
from backstory.storage.sqlite.lagging import Lagging
from backstory.storage.sqlite.lock import FileLock
from backstory.storage.sqlite.transaction import SqliteTransaction
from backstory.storage.tables.jobs import (
    BatchError,
    Committed,
    GivenUpError,
    Job,
    claimed,
    run_job,
    tell,
    unheard,
)

T = TypeVar("T")


class Writer:
    """Takes jobs on the event loop, runs them in its thread, answers on the loop."""

    def __init__(
        self,
        connect: Callable[[], SqliteDatabase],
        lock: FileLock,
        checkpointer: Checkpointer,
        secret: bytes,
        clock: Clock,
        *,
        committed: Committed = unheard,
    ) -> None:
        """`committed` hears of each transaction, in the thread."""
        self._told = committed
        self._connect, self._lock, self._checkpointer = connect, lock, checkpointer
        self._seal, self._clock = Seal(secret), clock
        self._db: SqliteDatabase | None = None
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._next: Job | None = None
        self._erasing = True  # something may be left over from an earlier life
        self._lagging = Lagging()
        self._erased: list[Job] = []
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="backstory-write", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Jobs that no transaction has taken yet."""
        return self._queue.qsize()

    @property
    def unerased(self) -> int:
        """Jobs that gave something up which is not wiped out yet."""
        return len(self._erased)

    @property
    def unfollowed(self) -> int:
        """Commits whose words are not in the index yet, as far as this process knows."""
        return self._lagging.commits

    async def run(self, run: Callable[[SqliteTransaction], T], weight: int = 0) -> T:
        """What `run(transaction)` returned, once it is durable.

        `weight` is about how many bytes it writes. A cancelled caller changes nothing: the
        job is done or not done as a whole.

        Raises:
            BusyError: `limits.WRITE_QUEUE` jobs are waiting already.
            StoreError: it could not be written, or not before the caller's deadline.
        """
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        if self._queue.qsize() >= limits.WRITE_QUEUE:
            raise BusyError("too many writes are waiting; try again", limit="WRITE_QUEUE")
        future: asyncio.Future[T] = self._loop.create_future()
        job = Job(run, weight, future)
        self._queue.put(job)
        result: T = await job.wait()
        return result

    async def close(self) -> None:
        """Finish what waits, then end the thread."""
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    # -- in the thread ---------------------------------------------------------------------

    def _work(self) -> None:
        while (batch := self._batch()) is not None:
            self._run_batch(batch)
        self._drop_connection()

    def _batch(self) -> list[Job] | None:
        """What waits, in order and within bounds; None at the end."""
        batch: list[Job] = []
        weight = 0
        while True:
            try:
                job = self._next or self._queue.get(*self._patience(batch))
            except queue.Empty:
                return batch
            self._next = None
            if job is None:
                return self._last(batch)
            weight += job.weight
            if batch and (weight > limits.WRITE_BATCH_BYTES or len(batch) >= limits.WRITE_BATCH):
                self._next = job
                return batch
            batch.append(job)

    def _patience(self, batch: list[Job]) -> tuple[bool, float | None]:
        """Whether to wait for a job, and for how long, before going on with what there is."""
        if batch or self._erasing:
            return False, None
        return True, self._lagging.patience

    def _last(self, batch: list[Job]) -> list[Job] | None:
        """The end was seen; whatever is under way comes before it."""
        if not batch and not (self._erasing or self._lagging):
            return None
        self._queue.put(None)
        return batch

    def _run_batch(self, batch: list[Job]) -> None:
        wanted = [job for job in batch if not job.given_up]
        if batch and not wanted and not self._erasing:
            return
        batch = wanted
        try:
            self._transact(batch)
        except GivenUpError:
            self._run_batch(batch)
            return
        except BatchError as failure:
            if failure.apart and len(batch) > 1:
                for job in batch:
                    self._run_batch([job])
                return
            for job in batch:
                job.error = failure.reason
            self._stop_erasing()
            self._erasing = False
            self._lagging.forget()
        self._answer(batch)

    def _transact(self, batch: list[Job]) -> None:
        try:
            with self._lock:
                self._transact_locked(batch)
        except BatchError:
            raise
        except GivenUpError:
            self._roll_back()
            raise
        except ENVIRONMENT as error:
            self._drop_connection()
            raise BatchError(translate(error), apart=False) from error
        except StoreError as error:
            self._roll_back()
            raise BatchError(error, apart=False) from error
        except apsw.Error as error:
            self._roll_back()
            raise BatchError(translate(error), apart=True) from error
        except Exception as error:
            self._roll_back()
            raise BatchError(error, apart=True) from error

    def _transact_locked(self, batch: list[Job]) -> None:
        begun = time.perf_counter()
        db = self._database()
        db.connection.execute("BEGIN IMMEDIATE")
        tx = SqliteTransaction(db, self._seal, self._clock)
        self._lagging.follow(tx, idle=not batch)
        for job in batch:
            run_job(tx, job, (apsw.Error,))
        if self._erasing or tx.erased:
            self._erasing = erase_some(tx)
        tx.finish()
        with claimed(batch):
            self._commit(db)
        self._lagging.note(tx, len(batch))
        if batch:
            self._told(len(batch), time.perf_counter() - begun)

    def _commit(self, db: SqliteDatabase) -> None:
        try:
            db.connection.execute("COMMIT")
        except apsw.FullError:
            raise
        except apsw.Error as error:
            self._drop_connection()
            unknown = OutcomeUnknownError(_UNKNOWN, retry_after=1)
            raise BatchError(unknown, apart=False) from error

    def _answer(self, batch: list[Job]) -> None:
        """Those who erased something hear of it once it is wiped out of all files."""
        self._erased += [job for job in batch if job.erased and job.error is None]
        self._tell([job for job in batch if not job.erased or job.error is not None])
        if self._erased and not self._erasing:
            erased, self._erased = self._erased, []
            self._checkpointer.erase(lambda error: self._answer_erased(erased, error))

    def _stop_erasing(self) -> None:
        """What is left over is erased after the next erasure, or at the next start."""
        erased, self._erased, self._erasing = self._erased, [], False
        self._answer_erased(
            erased, OutcomeUnknownError(_NOT_ERASED, retry_after=1) if erased else None
        )

    def _answer_erased(self, batch: list[Job], error: BaseException | None) -> None:
        for job in batch:
            job.error = error
        self._tell(batch)

    def _tell(self, batch: list[Job]) -> None:
        if not batch:
            return
        try:
            self._loop.call_soon_threadsafe(tell, batch)
        except RuntimeError:  # the loop is gone, and with it everybody who waited
            return

    def _database(self) -> SqliteDatabase:
        if self._db is None:
            self._db = self._connect()
            self._db.connection.set_wal_hook(self._checkpointer.wal_grew)
        return self._db

    def _roll_back(self) -> None:
        if self._db is None:
            return
        try:
            if self._db.connection.in_transaction:
                self._db.connection.execute("ROLLBACK")
            self._db.forget_names()
        except apsw.Error:
            self._drop_connection()

    def _drop_connection(self) -> None:
        """The next batch opens another."""
        db, self._db = self._db, None
        if db is not None:
            db.close()


_UNKNOWN = (
    "the disk failed while the write was made durable; it may have happened: retry with the "
    "same idempotency key or entry ids"
)

_NOT_ERASED = (
    "what was asked is done and cannot be read any more, but the disk failed before its text was "
    "out of the files; that is tried again: repeat the request to be sure"
)
