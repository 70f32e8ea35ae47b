"""A batch of jobs of one tenant as one transaction, in whichever way is the shorter.

At once: read, plan, and write in one statement that fails if anybody else wrote meanwhile. In
turn: hold the tenant's counter from the beginning. The first saves journeys and keeps nobody
out, the second always gets on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from asyncpg import Connection, Record

from backstory.clock import Clock
from backstory.domain.sealing import Seal
from backstory.encryption.cipher import Cipher
from backstory.errors import OutcomeUnknownError, StoreUnavailableError
from backstory.resilience.deadlines import remaining, within
from backstory.resilience.retrying import retried
from backstory.storage.postgres.connecting import Connections, roll_back
from backstory.storage.postgres.counters import Counter, Counters
from backstory.storage.postgres.database import PostgresDatabase, SeveralError
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.faults import (
    AGAIN,
    BACKOFF,
    FOREIGN,
    MEANWHILE,
    again,
    is_refusal,
    translate,
)
from backstory.storage.postgres.transaction import PostgresTransaction
from backstory.storage.postgres.waiting import calling
from backstory.storage.postgres.walls import whose
from backstory.storage.tables.database import Names, remember
from backstory.storage.tables.jobs import BatchError, GivenUpError, Job, claimed, run_job
from backstory.storage.tokenizing import words

Foresee = Callable[[PostgresTransaction, list[Any]], None]
_ENDING: Final = (SeveralError, *FOREIGN)
_PATIENCE: Final = 16  # transactions that are done in turn after one came to nothing
_UNKNOWN: Final = (
    "the database was lost while the write was made durable; it may have happened: retry with "
    "the same idempotency key or entry ids"
)


class Transacting:
    """Remembers what the transactions of one process have learned."""

    def __init__(
        self,
        connections: Connections,
        begin: Callable[[float, int], str],
        at_once: str | None,
        *,
        seal: Seal,
        clock: Clock,
        foresee: Foresee,
        cipher: Cipher | None,
    ) -> None:
        """`begin(seconds, tenant)` is the statement that begins a transaction which may take as long.

        `at_once` is how one statement commits, None: it may not.
        """
        self._connections, self._begin, self._at_once = connections, begin, at_once
        self._seal, self._clock, self._foresee = seal, clock, foresee
        self._cipher = cipher
        self._names = Names()
        self._counters = Counters()
        self._patience: dict[str, int] = {}

    def require(self) -> None:
        """Raises StoreUnavailableError: the server is known to be away."""
        self._connections.require()

    async def run(self, tenant: str, batch: list[Job], *, erasing: bool) -> bool:
        """Do the jobs, and erase what was given up; whether there is more to erase.

        Raises:
            BatchError: nothing has happened, or nobody knows.
            GivenUpError: nothing has happened, and not all jobs are wanted any more.
        """
        seconds = self._connections.seconds
        with within(min(seconds, _time_for(batch, seconds))):
            try:
                return await retried(
                    partial(self._transact, tenant, batch, erasing=erasing),
                    again,
                    BACKOFF,
                    seconds=seconds,
                )
            except AGAIN as error:
                raise BatchError(translate(error), apart=True) from error
            except FOREIGN as error:
                raise BatchError(translate(error), apart=is_refusal(error)) from error
            except StoreUnavailableError as error:  # the server is away for all of them
                raise BatchError(error, apart=False) from error
            except (BatchError, GivenUpError):
                raise
            except Exception as error:
                raise BatchError(error, apart=True) from error

    async def _transact(self, tenant: str, batch: list[Job], *, erasing: bool) -> bool:
        patience = self._patience.get(tenant, 0)
        if patience > 0:
            self._patience[tenant] = patience - 1
        elif (
            self._at_once is not None
            and not erasing
            and await self._transact_at_once(tenant, batch, self._at_once)
        ):
            return False
        return await self._transact_in_turn(tenant, batch, erasing=erasing)

    async def _transact_at_once(
        self, tenant: str, batch: list[Job], synchronous_commit: str
    ) -> bool:
        """False where it has to be done in turn.

        Where the counter stands is known from the last time, if that was just now.
        """
        try:
            if self._counters.get(tenant) is not None:
                with suppress(*MEANWHILE):
                    await self._try_at_once(tenant, batch, synchronous_commit)
                    return True
            await self._try_at_once(tenant, batch, synchronous_commit)
        except SeveralError:
            return False
        except MEANWHILE:
            remember(self._patience, tenant, _PATIENCE)
            return False
        return True

    async def _try_at_once(self, tenant: str, batch: list[Job], synchronous_commit: str) -> None:
        known = self._counters.take(tenant)
        async with self._connections.lend(self._connections.seconds) as connection:
            number = await self._tenant(connection, tenant)
            db = PostgresDatabase(
                connection,
                self._names,
                words,
                at_once=True,
                cipher=self._cipher,
                whose=whose(number),
            )
            tx = PostgresTransaction(db, self._seal, self._clock, number)
            try:
                await calling(self._jobs_at_once, tx, batch, known, synchronous_commit)
            except BaseException:
                self._names.clear()
                raise
            self._counters.keep(tenant, tx.counter)

    def _jobs_at_once(
        self,
        tx: PostgresTransaction,
        batch: list[Job],
        known: Counter | None,
        synchronous_commit: str,
    ) -> None:
        tx.look(known)
        self._foresee(tx, [job.about for job in batch if job.about is not None])
        for job in batch:
            run_job(tx, job, _ENDING)
        with claimed(batch):
            try:
                tx.finish_at_once(synchronous_commit)
            except FOREIGN as error:
                if is_refusal(error):
                    raise
                raise BatchError(_unknown(), apart=False) from error

    async def _transact_in_turn(self, tenant: str, batch: list[Job], *, erasing: bool) -> bool:
        """A transaction that holds the tenant's counter from its beginning."""
        async with self._connections.lend(self._connections.seconds) as connection:
            number = await self._tenant(connection, tenant)
            await connection.execute(self._begin(remaining(self._connections.seconds), number))
            db = PostgresDatabase(connection, self._names, words, cipher=self._cipher)
            tx = PostgresTransaction(db, self._seal, self._clock, number)
            try:
                more = await calling(self._jobs, tx, batch, erasing=erasing)
                with claimed(batch):
                    await _commit(connection)
            except BaseException:
                self._names.clear()
                await roll_back(connection)
                raise
        return more

    async def _tenant(self, connection: Connection[Record], name: str) -> int:
        """The tenant's number; made before the transaction, so that it waits for no other."""
        number = self._names.tenants.get(name)
        if number is None:
            number = await connection.fetchval(QUERIES.find_tenant, name)
        if number is None:
            await connection.execute(QUERIES.add_tenant, name)
            number = await connection.fetchval(QUERIES.find_tenant, name)
        self._names.tenants[name] = number
        return int(number)

    def _jobs(self, tx: PostgresTransaction, batch: list[Job], *, erasing: bool) -> bool:
        """All of the batch's jobs; whether there is more to erase."""
        tx.begin()
        self._foresee(tx, [job.about for job in batch if job.about is not None])
        for job in batch:
            run_job(tx, job, _ENDING)
        more = tx.erase_some() if erasing or tx.erased else False
        tx.finish()
        return more


async def _commit(connection: Connection[Record]) -> None:
    try:
        await connection.execute(QUERIES.commit)
    except FOREIGN as error:
        if is_refusal(error):
            raise
        raise BatchError(_unknown(), apart=False) from error


def _unknown() -> OutcomeUnknownError:
    return OutcomeUnknownError(_UNKNOWN, retry_after=1)


def _time_for(batch: list[Job], most: float) -> float:
    """Until the last of its callers has to be answered; one in a hurry hurries nobody else."""
    dues = [job.due for job in batch]
    if not dues or None in dues:
        return most
    return max(0.0, max(due for due in dues if due is not None) - time.monotonic())
