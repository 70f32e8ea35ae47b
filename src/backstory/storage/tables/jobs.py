"""One thing to write, and who waits for it: what the writers of all stores have in their queues."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import Any

from msgspec import Struct, field

from backstory.errors import OutcomeUnknownError, StoreUnavailableError
from backstory.resilience.deadlines import left
from backstory.storage.tables.transaction import Transaction

Committed = Callable[[int, float], None]
"""Hears of so many jobs that went into a transaction together, and of its seconds."""


def unheard(_jobs: int, _seconds: float) -> None:
    """Nobody wants to know."""


class Job(Struct, eq=False):
    """What is run in a transaction.

    `weight` is about how many bytes it writes, `about` what a store may look at beforehand.
    """

    run: Callable[[Any], Any]
    weight: int
    future: asyncio.Future[Any]
    about: Any = None
    result: Any = None
    error: BaseException | None = None
    erased: bool = False
    due: float | None = None  # by the monotonic clock; None: whenever it is done
    _unsent: list[None] = field(default_factory=lambda: [None])

    async def wait(self) -> Any:
        """What came of it, by the deadline of its caller.

        Raises:
            StoreUnavailableError: it was not begun in time, and is not done any more.
            OutcomeUnknownError: it was begun, and did not end in time.
        """
        seconds = left()
        if seconds is None:
            return await self.future
        self.due = time.monotonic() + seconds
        timer = asyncio.get_running_loop().call_later(seconds, self._give_up)
        try:
            return await self.future
        finally:
            timer.cancel()

    def claim(self) -> bool:
        """Whether it may be made durable, since nobody was told that it is not done.

        Of this and giving up only one happens, whatever threads they are on.
        """
        try:
            self._unsent.pop()
        except IndexError:
            return False
        return True

    def release(self) -> None:
        """Nothing came of it, so that it may still be given up."""
        self._unsent.append(None)

    @property
    def given_up(self) -> bool:
        """Whether its caller was told that it is not done. Not to be asked while it is claimed."""
        return not self._unsent

    def _give_up(self) -> None:
        if self.future.done():
            return
        if self.claim():
            self.future.set_exception(StoreUnavailableError(_NOT_BEGUN, retry_after=1))
        else:
            self.future.set_exception(OutcomeUnknownError(_NOT_ENDED, retry_after=1))


_NOT_BEGUN = (
    "the store did not come to it before the answer was due; nothing was written, try again"
)
_NOT_ENDED = (
    "the store did not end it before the answer was due; it may happen yet: retry with the same "
    "idempotency key or entry ids"
)


class GivenUpError(Exception):
    """Some jobs of the batch are not wanted any more; nothing has happened."""


@contextmanager
def claimed(batch: Sequence[Job]) -> Iterator[None]:
    """While a batch is made durable, nobody is told that a job of it is not done.

    Raises:
        GivenUpError: somebody was already.
        BatchError: what is raised inside; what else is raised says that nothing came of it.
    """
    taken = list(takewhile(Job.claim, batch))
    try:
        if len(taken) < len(batch):
            raise GivenUpError  # noqa: TRY301 -- what was taken is let go below
        yield
    except BatchError:
        raise
    except BaseException:
        for job in taken:
            job.release()
        raise


class BatchError(Exception):
    """The transaction as a whole did not happen; `reason` is what its callers hear.

    `apart` tells whether the jobs may be tried again one by one: one of them broke it.
    """

    def __init__(self, reason: BaseException, *, apart: bool) -> None:
        super().__init__(str(reason))
        self.reason, self.apart = reason, apart


def run_job(tx: Transaction, job: Job, ending: tuple[type[BaseException], ...]) -> None:
    """Run one job; an error before its first row is its own, any other ends the batch.

    Errors of the types in `ending` end it always.
    """
    erased, tx.erased = tx.erased, False
    job.result, job.error = None, None
    try:
        job.result = job.run(tx)
    except ending:
        raise
    except Exception as error:
        if tx.writing:
            raise
        job.error = error
    job.erased = tx.erased
    tx.erased |= erased


def tell(batch: Iterable[Job]) -> None:
    """Answer everybody who still waits; on the event loop."""
    for job in batch:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
