"""One thing to write, and who waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from backstory.storage.postgres.database import SeveralError
from backstory.storage.postgres.faults import FOREIGN
from backstory.storage.postgres.transaction import PostgresTransaction

Run = Callable[[PostgresTransaction], Any]


@dataclass(slots=True, eq=False)
class Job:
    """What is run in a transaction. `about` is what `foreseeing` may look at."""

    run: Run
    about: Any
    weight: int
    future: asyncio.Future[Any]
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


def run_job(tx: PostgresTransaction, job: Job) -> None:
    """Run one job; an error before its first row is its own, any other ends the batch."""
    erased, tx.erased = tx.erased, False
    job.result, job.error = None, None
    try:
        job.result = job.run(tx)
    except (SeveralError, *FOREIGN):
        raise
    except Exception as error:
        if tx.writing:
            raise
        job.error = error
    job.erased = tx.erased
    tx.erased |= erased


def tell(batch: Iterable[Job]) -> None:
    for job in batch:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
