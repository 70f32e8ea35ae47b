"""One thing to write, and who waits for it: what the writers of all stores have in their queues."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from backstory.storage.tables.transaction import Transaction


@dataclass(slots=True, eq=False)
class Job:
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
