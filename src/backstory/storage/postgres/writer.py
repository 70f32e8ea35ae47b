"""What a process writes: for each tenant a queue, many of its jobs in one transaction.

All writers of a tenant, on whatever node, take turns at its counter. What waits on this node
goes together when its turn comes: one turn, one commit, many jobs, each with versions and
positions of its own. Each caller hears of its own job only once it is durable.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from backstory import limits
from backstory.errors import BusyError, OutcomeUnknownError, StoreUnavailableError
from backstory.resilience.deadlines import detached
from backstory.storage.postgres.transacting import Transacting
from backstory.storage.postgres.transaction import PostgresTransaction
from backstory.storage.tables.jobs import (
    BatchError,
    Committed,
    GivenUpError,
    Job,
    tell,
    unheard,
)

T = TypeVar("T")


@dataclass(slots=True)
class _Lane:
    """One tenant's jobs, and those that wait until what they gave up is erased."""

    tenant: str
    jobs: deque[Job] = field(default_factory=deque)
    erased: list[Job] = field(default_factory=list)
    erasing: bool = False
    task: asyncio.Task[None] | None = None


class Writer:
    """Takes jobs for any tenant; `limits.WRITE_LANES` tenants are written for at a time."""

    def __init__(
        self,
        transacting: Transacting,
        erased: Callable[[], None],
        committed: Committed = unheard,
    ) -> None:
        self._transacting, self._tell_erased, self._told = transacting, erased, committed
        self._lanes: dict[str, _Lane] = {}
        self._turns = asyncio.Semaphore(limits.WRITE_LANES)
        self._waiting = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Jobs that no transaction has taken yet."""
        return self._waiting

    @property
    def unerased(self) -> int:
        """Jobs that gave something up which is not erased yet."""
        return sum(len(lane.erased) for lane in self._lanes.values())

    async def run(
        self,
        tenant: str,
        run: Callable[[PostgresTransaction], T],
        *,
        about: Any = None,
        weight: int = 0,
    ) -> T:
        """What `run(transaction)` returned, once it is durable.

        `weight` is about how many bytes it writes. A cancelled caller changes nothing: the
        job is done or not done as a whole.

        Raises:
            BusyError: `limits.WRITE_QUEUE` jobs are waiting already.
            StoreError: it could not be written, or not before the caller's deadline.
        """
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        self._transacting.require()
        if self._waiting >= limits.WRITE_QUEUE:
            raise BusyError("too many writes are waiting; try again", limit="WRITE_QUEUE")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        lane = self._lanes.setdefault(tenant, _Lane(tenant))
        job = Job(run, weight, future, about)
        lane.jobs.append(job)
        self._waiting += 1
        if lane.task is None:
            lane.task = asyncio.create_task(
                self._work(lane), name="backstory-write", context=detached()
            )
        result: T = await job.wait()
        return result

    async def close(self) -> None:
        """Finish what waits."""
        self._closed = True
        while tasks := [lane.task for lane in self._lanes.values() if lane.task is not None]:
            await asyncio.wait(tasks)

    # -- one tenant --------------------------------------------------------------------

    async def _work(self, lane: _Lane) -> None:
        try:
            while lane.jobs or lane.erased:
                async with self._turns:
                    batch = self._batch(lane)
                    await self._run_batch(lane, batch)
        finally:
            lane.task = None
            if not lane.jobs:
                self._lanes.pop(lane.tenant, None)

    def _batch(self, lane: _Lane) -> list[Job]:
        """What waits, in order and within bounds."""
        batch: list[Job] = []
        weight = 0
        while lane.jobs and len(batch) < limits.WRITE_BATCH:
            weight += lane.jobs[0].weight
            if batch and weight > limits.WRITE_BATCH_BYTES:
                break
            batch.append(lane.jobs.popleft())
        self._waiting -= len(batch)
        return batch

    async def _run_batch(self, lane: _Lane, batch: list[Job]) -> None:
        batch = [job for job in batch if not job.given_up]
        if not batch and not lane.erasing:
            return
        begun = time.perf_counter()
        try:
            lane.erasing = await self._transacting.run(lane.tenant, batch, erasing=lane.erasing)
            if batch:
                self._told(len(batch), time.perf_counter() - begun)
        except GivenUpError:
            await self._run_batch(lane, batch)
            return
        except BatchError as failure:
            if failure.apart and len(batch) > 1:
                for job in batch:
                    await self._run_batch(lane, [job])
                return
            for job in batch:
                job.error = failure.reason
            self._stop_erasing(lane)
        self._answer(lane, batch)

    # -- telling -----------------------------------------------------------------------

    def _answer(self, lane: _Lane, batch: list[Job]) -> None:
        """Those who erased something hear of it once nobody could find it any more."""
        lane.erased += [job for job in batch if job.erased and job.error is None]
        tell([job for job in batch if not job.erased or job.error is not None])
        if lane.erased and not lane.erasing:
            erased, lane.erased = lane.erased, []
            self._tell_erased()
            tell(erased)

    def _stop_erasing(self, lane: _Lane) -> None:
        """What is left over is erased after the next erasure, or by the sweeper."""
        erased, lane.erased, lane.erasing = lane.erased, [], False
        for job in erased:
            job.error = OutcomeUnknownError(_NOT_ERASED, retry_after=1)
        tell(erased)


_NOT_ERASED = (
    "what was asked is done and cannot be read any more, but the database failed before all of "
    "its text was deleted; that is tried again: repeat the request to be sure"
)
