"""The course of an erasure, each step of which may be the last one before a crash.

It is noted in the vault first, and as done last. In between: the subject's keys write no more,
its contexts are erased one by one, then what binds roles to it and what others keep of it in notes;
all of it is out of the tables, the keys are destroyed.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from backstory import ids, limits
from backstory.clock import Clock
from backstory.domain.commits import Commit
from backstory.domain.principals import SYSTEM, Author
from backstory.domain.sealing import Seal
from backstory.domain.subjects import Erasure
from backstory.ports.store import Gone
from backstory.ports.vault import More
from backstory.storage.meta import Meta
from backstory.storage.tables import authors, retries, subjects
from backstory.storage.tables.database import Database
from backstory.storage.tables.safe import Safe
from backstory.storage.tables.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")


class ErasingStore(ABC):
    """The part of a store that erases subjects: `ports.store.Erases`."""

    def __init__(self, clock: Clock, meta: Meta, safe: Safe) -> None:
        self._clock, self._meta, self._safe = clock, meta, safe
        self._seal = Seal(meta.secret)
        self._erasure = meta.erasure
        self._holders = [make(self, clock) for make in safe.holders]

    @abstractmethod
    async def _read(
        self, read: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """A read of any length, all of one moment, about the tenant that the first text names."""

    @abstractmethod
    async def _read_all(
        self, read: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same about all tenants."""

    @abstractmethod
    async def _ask(self, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a call of the vault returns, which may wait."""

    @abstractmethod
    async def _write(self, tenant: str, run: Callable[[Transaction], T], weight: int = 0) -> T:
        """What the job returned, once it is durable. `weight` is about how many bytes it writes."""

    @abstractmethod
    async def put_note(self, tenant: str, name: str, value: bytes, expires_at: int) -> None: ...

    @abstractmethod
    async def get_note(self, tenant: str, name: str) -> bytes | None: ...

    @abstractmethod
    async def swap_note(
        self, tenant: str, name: str, before: bytes | None, value: bytes, expires_at: int
    ) -> bool: ...

    @abstractmethod
    async def list_notes(
        self, tenant: str, prefix: str, after: str = "", limit: int = 1000
    ) -> Sequence[tuple[str, bytes]]: ...

    @abstractmethod
    async def delete_note(self, tenant: str, name: str) -> None: ...

    async def erase(
        self, tenant: str, subject: str, author: Author, gone: Gone | None = None
    ) -> Erasure:
        last = await self.erasure(tenant, subject)
        if last is not None and await self._is_over(last):
            return last
        now = self._clock.now()
        begun = await self._ask(self._safe.vault.begin_erasure, tenant, subject, now)
        return await self._erase(begun, author, gone)

    async def _is_over(self, erasure: Erasure) -> bool:
        """Whether it is done, and nothing came since."""
        if erasure.ended_at is None:
            return False
        whose = erasure.tenant, erasure.subject
        if await self._holds(erasure, self._clock.now(), _ALL):
            return False
        return not await self._read(authors.any_named, *whose)

    async def _holds(self, erasure: Erasure, until: int, fence: int) -> bool:
        """Whether anything is there beside names, of until then and up to that context."""
        whose = erasure.tenant, erasure.subject
        if await self._read(subjects.some, *whose, fence):
            return True
        if await self._read(subjects.bound, *whose, fence):
            return True
        return any([await each.holds(*whose, until) for each in self._holders])

    async def finish_erasures(self) -> int:
        done = 0
        for erasure in await self._unfinished():
            await self._erase(erasure, SYSTEM, None)
            done += 1
        return done

    async def keep_apart(self, name: str, expires_at: int) -> None:
        await self._ask(self._safe.vault.keep, name, expires_at, self._clock.now())

    async def kept_apart(self) -> Mapping[str, int]:
        if not await self._ask(self._safe.vault.exists):
            return {}
        return dict(await self._ask(self._safe.vault.kept, self._clock.now()))

    async def erasure(self, tenant: str, subject: str) -> Erasure | None:
        if not await self._ask(self._safe.vault.exists):
            return None
        return await self._ask(self._safe.vault.erasure, tenant, subject)

    async def is_erased(self, erasure: Erasure) -> bool:
        if erasure.ended_at is None or erasure.number > self._erasure:
            return False
        fence = await self._ask(self._safe.vault.fence, erasure.number)
        if await self._holds(erasure, erasure.begun_at, fence or 0):
            return False
        name = authors.stand_in(self._seal, erasure)
        return not await self._read(_came_back, erasure.tenant, erasure, name)

    # -- the steps ---------------------------------------------------------------------

    async def _unfinished(self) -> list[Erasure]:
        """Those that this store has not been through."""
        if not await self._ask(self._safe.vault.exists):
            return []
        return list(await self._ask(self._safe.vault.erasures, self._erasure, limits.ERASURES_READ))

    async def _erase(self, erasure: Erasure, author: Author, gone: Gone | None) -> Erasure:
        vault, number = self._safe.vault, erasure.number
        tenant, subject = erasure.tenant, erasure.subject
        fence = await self._fence(erasure)
        wanted = Commit(tenant, ids.commit_id(), author, self._clock.now(), ())
        while contexts := await self._read(subjects.some, tenant, subject, fence):
            for context in contexts:
                await self._erase_context(erasure, wanted, context, gone)
        await self._forget(erasure)
        for binding in await self._read(subjects.bound, tenant, subject, fence):
            await self._erase_context(erasure, wanted, binding, gone, bound=True)
        await self._forget_retries(erasure)
        await self._take_names(erasure)
        await self._write(tenant, lambda tx: subjects.forget_names(tx, tenant, subject))
        await self._write(tenant, subjects.wipe)
        keys = await self._ask(vault.destroy, tenant, subject)
        if self._safe.cipher is not None:
            self._safe.cipher.ring.forget()
        await self._note(number)
        if erasure.ended_at is not None:
            return erasure
        return await self._ask(vault.end_erasure, number, self._clock.now(), keys)

    async def _forget(self, erasure: Erasure) -> None:
        """What others keep of the subject in notes."""
        for holder in self._holders:
            held = await holder.forget(erasure.tenant, erasure.subject, erasure.begun_at)
            await self._count(erasure, "accounts", held.accounts)
            await self._count(erasure, "grants", held.grants)

    async def _forget_retries(self, erasure: Erasure) -> None:
        """Nobody is told any more what came of a request that wrote to what was erased."""
        tenant: str = erasure.tenant
        more: bytes | None = b""
        while more is not None:
            keys, more = await self._read(retries.of_gone, tenant, erasure.begun_at, more)
            if keys:
                await self._write(tenant, partial(_forget, tenant, keys))

    async def _count(self, erasure: Erasure, what: More, times: int) -> None:
        if times and erasure.ended_at is None:
            await self._ask(self._safe.vault.count_more, erasure.number, what, times)

    async def _take_names(self, erasure: Erasure) -> None:
        """Nobody shows the subject as an author any more, once this returns."""
        name = authors.stand_in(self._seal, erasure)
        if await self._write(erasure.tenant, lambda tx: authors.take_names(tx, erasure, name)):
            await asyncio.sleep(limits.NAMES_SECONDS)
            await self._write(erasure.tenant, lambda tx: authors.outdate_copies(tx, erasure.tenant))

    async def _fence(self, erasure: Erasure) -> int:
        """Up to which context; from then on nobody writes with the keys of before."""
        vault = self._safe.vault
        fence = await self._ask(vault.fence, erasure.number)
        if fence is None:
            retire = partial(vault.retire, erasure.tenant, erasure.subject, scope=True)
            await self._ask(retire)
            fence = await self._write(erasure.tenant, lambda tx: subjects.begin(tx, erasure.tenant))
            await self._ask(vault.set_fence, erasure.number, fence)
        return fence

    async def _erase_context(
        self,
        erasure: Erasure,
        wanted: Commit,
        context: int,
        gone: Gone | None,
        *,
        bound: bool = False,
    ) -> None:
        more = True
        while more:
            step = await self._write(
                erasure.tenant, lambda tx: subjects.erase(tx, wanted, erasure.subject, context)
            )
            more = step.more
            if bound:
                await self._count(erasure, "bindings", step.contexts)
            elif erasure.ended_at is None:
                count = partial(
                    self._safe.vault.count_erased,
                    erasure.number,
                    contexts=step.contexts,
                    entries=step.entries,
                    forks=step.forks,
                )
                await self._ask(count)
            if gone is not None and step.touched:
                await gone(step.touched)

    async def _note(self, number: int) -> None:
        """Note how far the store has been through the list; it is done in the order of the list."""
        newest = self._erasure
        for erasure in await self._unfinished():
            if erasure.ended_at is None and erasure.number != number:
                break
            newest = erasure.number
        if newest > self._erasure:
            await self._write(_NOBODY, lambda tx: subjects.note(tx, newest))
            self._erasure = newest


def _forget(tenant: str, keys: Sequence[bytes], tx: Transaction) -> None:
    retries.forget(tx, tenant, keys)


def _came_back(db: Database, tenant: str, erasure: Erasure, name: str) -> bool:
    del tenant  # names whose rows are read
    return authors.came_back(db, erasure, name)


_ALL = 2**31 - 1
_NOBODY = "default"
"""The tenant in whose turn something is noted that belongs to none."""
