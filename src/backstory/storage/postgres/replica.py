"""A standby of the store's database, which takes reads of bodies off the primary."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Concatenate, Final, ParamSpec, TypeVar

from backstory import limits
from backstory.domain.keys import ContextKey
from backstory.encryption.cipher import Cipher
from backstory.errors import BackstoryError
from backstory.ports.store import EntryPage, EntryQuery, Standing, View
from backstory.resilience.breaker import Breaker
from backstory.resilience.deadlines import within
from backstory.storage.postgres.connecting import Connections, connect, roll_back
from backstory.storage.postgres.database import PostgresDatabase
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.opening import check_epoch
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.waiting import calling
from backstory.storage.postgres.walls import number_of, whose
from backstory.storage.tables import reading
from backstory.storage.tables.database import Database, Names
from backstory.storage.tokenizing import words

_BEGIN: Final = QUERIES.begin_reading.format(
    milliseconds=round(limits.REPLICA_SECONDS * 1000), tenant="{tenant}"
)
P = ParamSpec("P")
T = TypeVar("T")


class Replica:
    """`ports.copies.Copies` on a standby. Made by `open_replica`."""

    def __init__(self, connections: Connections, cipher: Cipher | None = None) -> None:
        self._connections, self._names, self._cipher = connections, Names(), cipher

    async def view(self, tenant: str, key: ContextKey, standing: Standing) -> View | None:
        return await self._asked(_view, tenant, key, standing)

    async def page(
        self, tenant: str, key: ContextKey, standing: Standing, query: EntryQuery
    ) -> EntryPage | None:
        return await self._asked(_page, tenant, key, standing, query)

    async def check(self) -> None:
        """Raise a `StoreError` when it cannot be asked now."""
        await self._read(_nothing)

    async def lag(self) -> float:
        """Seconds that it is behind the primary, as far as it knows.

        Raises:
            StoreError: it cannot be asked.
        """
        async with self._connections.borrow() as connection:
            return float(await connection.fetchval(QUERIES.replica_lag))

    async def aclose(self) -> None:
        await self._connections.close()

    async def _asked(
        self,
        read: Callable[Concatenate[Database, P], T | None],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T | None:
        try:
            with within(limits.REPLICA_SECONDS):
                return await self._read(read, *args, **kwargs)
        except BackstoryError:  # its breaker has told of it, and the primary is asked instead
            return None

    async def _read(
        self, read: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async with self._connections.borrow() as connection:
            tenant = whose(await number_of(connection, self._names, args))
            await connection.execute(_BEGIN.format(tenant=tenant))
            db = PostgresDatabase(connection, self._names, words, cipher=self._cipher)
            try:
                return await calling(read, db, *args, **kwargs)
            finally:
                await roll_back(connection)


async def open_replica(
    options: PostgresOptions, epoch: str, breaker: Breaker, cipher: Cipher | None = None
) -> Replica:
    """A standby of the store that is in this epoch. One that is away is looked for later."""
    begun = partial(check_epoch, epoch=epoch)
    connections = Connections(options, partial(_look, options, epoch), begun, breaker)
    await connections.open(least=0)
    return Replica(connections, cipher)


async def _look(options: PostgresOptions, epoch: str) -> None:
    connection = await connect(options, seconds=limits.CHECK_SECONDS)
    try:
        await check_epoch(connection, epoch)
    finally:
        connection.terminate()


def _view(db: Database, tenant: str, key: ContextKey, standing: Standing) -> View | None:
    if standing.names:
        [here] = reading.standings(db, tenant, (key,))
        if here is None or here.names < standing.names:
            return None
        db.names = Names()  # what is known may be of before
        db.refresh()
    found = reading.view(db, tenant, key, None)
    return found if found is not None and found.snapshot.head.tag == standing.tag else None


def _page(
    db: Database, tenant: str, key: ContextKey, standing: Standing, query: EntryQuery
) -> EntryPage | None:
    found = _view(db, tenant, key, standing)
    return None if found is None else reading.page(db, tenant, found.chain, query)


def _nothing(_db: Database) -> None:
    """The transaction that was begun is all there is to see."""
