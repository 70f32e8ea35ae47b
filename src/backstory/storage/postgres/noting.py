"""Notes, which need no position and wait for no other writer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from asyncpg import Connection, Record

from backstory.errors import OutcomeUnknownError, StoreUnavailableError
from backstory.storage.postgres import notes
from backstory.storage.postgres.connecting import Connections
from backstory.storage.postgres.database import PostgresDatabase
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.faults import FOREIGN, is_refusal
from backstory.storage.postgres.waiting import calling
from backstory.storage.postgres.walls import whose
from backstory.storage.tables.store import TableStore

UNKNOWN = "the database was lost while it wrote; that may have happened: look, and try again"

P = ParamSpec("P")
T = TypeVar("T")


class Noting(TableStore):
    """`ports.store.Notes`, a part of the store."""

    _connections: Connections

    def _database(self, connection: Connection[Record]) -> PostgresDatabase:
        raise NotImplementedError

    async def _retried(self, read: Callable[[], Awaitable[T]]) -> T:
        raise NotImplementedError

    async def put_note(self, tenant: str, name: str, value: bytes, expires_at: int) -> None:
        stored = self._safe.seal(tenant, name, value)
        await self._retried(partial(self._noted, tenant, notes.put, name, stored, expires_at))

    async def swap_note(
        self, tenant: str, name: str, before: bytes | None, value: bytes, expires_at: int
    ) -> bool:
        now, safe = self._clock.now(), self._safe
        stored = None
        if before is not None:
            stored = await self._point(notes.get, tenant, name, now)
            if safe.unseal(tenant, name, stored) != before:
                return False
        sealed = safe.seal(tenant, name, value)
        swap = partial(notes.swap, before=stored, value=sealed, expires_at=expires_at, now=now)
        return await self._noted(tenant, swap, name)

    async def get_note(self, tenant: str, name: str) -> bytes | None:
        stored = await self._point(notes.get, tenant, name, self._clock.now())
        return self._safe.unseal(tenant, name, stored)

    async def list_notes(
        self, tenant: str, prefix: str, after: str = "", limit: int = 1000
    ) -> Sequence[tuple[str, bytes]]:
        now = self._clock.now()
        found = await self._read(notes.page, tenant, prefix, after=after, limit=limit, now=now)
        return self._safe.unsealed(tenant, found)

    async def delete_note(self, tenant: str, name: str) -> None:
        await self._retried(partial(self._noted, tenant, notes.delete, name))

    async def _noted(
        self,
        tenant: str,
        write: Callable[Concatenate[PostgresDatabase, int, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Notes need no position and wait for no other writer."""
        async with self._connections.borrow() as connection:
            db = self._database(connection)
            number = await calling(tenant_of, db, tenant)
            db.whose = whose(number)
            try:
                return await calling(write, db, number, *args, **kwargs)
            except FOREIGN as error:
                if is_refusal(error):
                    raise
                raise OutcomeUnknownError(UNKNOWN, retry_after=1) from error


def tenant_of(db: PostgresDatabase, name: str) -> int:
    number = db.tenant(name)
    if number is None:
        db.all(QUERIES.add_tenant, name)
        number = db.tenant(name)
    if number is None:
        raise StoreUnavailableError("the tenant is gone from the database")
    return number
