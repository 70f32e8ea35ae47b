"""The keys of a store that may be in use: renewed, wrapped anew, and rows brought under them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import orjson

from backstory import ids, limits
from backstory.encryption.ring import Ring
from backstory.errors import KeyUnusableError
from backstory.ports.vault import WrappedKey
from backstory.storage.tables import resealing, subjects
from backstory.storage.tables.erasing import ErasingStore
from backstory.storage.tables.resealing import Place

_NOTE = "resealing"
_FOREVER = 2**62
_DONE = b"done"
_ANEW = b"anew"


@dataclass(frozen=True, slots=True)
class KeysFound:
    """What is known of a store's keys. `complete`: all rows were brought under them."""

    masters: tuple[str, ...]
    keys: int
    retired: int
    complete: bool


class RotatingStore(ErasingStore):
    """The part of a store that sees to its keys. For operators; no port."""

    def _ring(self) -> Ring:
        if self._safe.cipher is None:
            raise KeyUnusableError("this store is not encrypted; name a key with master_key")
        return self._safe.cipher.ring

    async def reseal(self, tenant: str) -> AsyncGenerator[int]:
        """Bring a tenant's rows under the keys that write; tells now and then how many it were.

        Goes on where it was interrupted.
        """
        self._ring()
        known = await self.get_note(tenant, _NOTE)
        place = _place(known)
        while True:
            step = partial(resealing.reseal, tenant=tenant, place=place)
            reached = await self._write(tenant, step)
            if reached is None:
                await self._write(tenant, subjects.wipe)
            note = _DONE if reached is None else _noted(reached)
            place = reached or place
            if await self.swap_note(tenant, _NOTE, known, note, _FOREVER):
                known = note
            else:  # keys were renewed, or another process does the same
                known = await self.get_note(tenant, _NOTE)
                place = replace(_place(known), sealed=place.sealed)
            yield place.sealed
            if known == _DONE:
                break

    async def is_resealed(self, tenant: str) -> bool:
        """Whether `reseal` came to its end, and no key was renewed since."""
        return await self.get_note(tenant, _NOTE) == _DONE

    async def renew_keys(self, tenant: str) -> int:
        """Have a tenant's keys write no more; how many. `reseal` then brings rows under new ones."""
        found = [key async for key in self._writing() if key.tenant == tenant]
        await self._renew(tenant, found)
        return len(found)

    async def newest_key(self) -> int:
        """The number of the key that was made last."""
        return await self._ask(self._ring().vault.newest)

    async def renew_old_keys(self, upto: int) -> int:
        """The same for all keys up to a number, whoever's; how many."""
        renewed = 0
        while True:
            old: list[WrappedKey] = []
            async with aclosing(self._writing(upto)) as keys:
                async for key in keys:
                    old.append(key)
                    if len(old) == limits.KEYS_RENEWED:
                        break
            if not old:
                return renewed
            old.sort(key=_tenant)
            for tenant, found in groupby(old, _tenant):
                await self._renew(tenant, list(found))
            renewed += len(old)

    async def _writing(self, upto: int = _FOREVER) -> AsyncGenerator[WrappedKey]:
        """The keys that write, up to a number."""
        vault, after = self._ring().vault, 0
        while found := await self._ask(vault.keys, after, limits.KEYS_LISTED):
            for key in found:
                if key.number > upto:
                    return
                if not key.retired:
                    yield key
            after = found[-1].number

    async def _renew(self, tenant: str, keys: Sequence[WrappedKey]) -> None:
        vault = self._ring().vault
        await self._start_anew(tenant)  # whoever is interrupted leaves work that is known
        for key in keys:
            await self._ask(partial(vault.retire, tenant, key.subject, scope=False))
        await self._write(tenant, lambda tx: subjects.begin(tx, tenant))
        await self._start_anew(tenant)

    async def _start_anew(self, tenant: str) -> None:
        """Whoever is at it begins again: no two of these notes are equal."""
        await self.put_note(tenant, _NOTE, _ANEW + ids.commit_id(), _FOREVER)

    @property
    def master(self) -> str:
        """The name of the master key that wraps."""
        return self._ring().master

    async def is_wrapped(self) -> bool:
        """Whether the first master key wraps all roots."""
        ring = self._ring()
        roots = await self._ask(ring.vault.roots)
        return all(root.master == ring.master for root in roots)

    async def rewrap_keys(self) -> int:
        """Have the first master key wrap all of it, under a new root; how many keys it were."""
        ring, wrapped = self._ring(), 0
        await self._ask(ring.renew_root)
        after: int | None = 0
        while after is not None:
            found = await self._ask(ring.vault.keys, after, limits.KEYS_WRAPPED)
            wrapped += len(found)
            after = await self._ask(ring.rewrap, after, limits.KEYS_WRAPPED)
        return wrapped

    async def keys_found(self, tenants: list[str]) -> KeysFound:
        """How the keys stand. Writes nothing."""
        vault, after, keys, retired = self._ring().vault, 0, 0, 0
        roots = await self._ask(vault.roots)
        while found := await self._ask(vault.keys, after, limits.KEYS_LISTED):
            after = found[-1].number
            keys += len(found)
            retired += sum(key.retired for key in found)
        done = [await self.is_resealed(tenant) for tenant in tenants]
        masters = tuple(sorted({root.master for root in roots}))
        return KeysFound(masters, keys, retired, all(done))


def _tenant(key: WrappedKey) -> str:
    return key.tenant


def _place(note: bytes | None) -> Place:
    if note is None or note == _DONE or note.startswith(_ANEW):
        return Place()
    return Place(*orjson.loads(note)[:5])  # a later release may have added others


def _noted(place: Place) -> bytes:
    return orjson.dumps((place.context, place.seq, place.manifest, place.chunk, place.sealed))
