"""The keys of a store that may be in use: renewed, wrapped anew, and rows brought under them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import orjson

from backstory import limits
from backstory.encryption.ring import Ring
from backstory.errors import KeyUnusableError
from backstory.storage.tables import resealing, subjects
from backstory.storage.tables.erasing import ErasingStore
from backstory.storage.tables.resealing import Place

_NOTE = "resealing"
_FOREVER = 2**62
_DONE = b"done"


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

    async def reseal(self, tenant: str) -> AsyncIterator[int]:
        """Bring a tenant's rows under the keys that write; tells now and then how many it were.

        Goes on where it was interrupted.
        """
        self._ring()
        note = await self.get_note(tenant, _NOTE)
        place = Place() if note is None or note == _DONE else Place(*orjson.loads(note))
        while True:
            step = partial(resealing.reseal, tenant=tenant, place=place)
            reached = await self._write(tenant, step)
            if reached is None:
                break
            place = reached
            members = (place.context, place.seq, place.manifest, place.chunk, place.sealed)
            await self.put_note(tenant, _NOTE, orjson.dumps(members), _FOREVER)
            yield place.sealed
        await self._write(tenant, subjects.wipe)
        await self.put_note(tenant, _NOTE, _DONE, _FOREVER)
        yield place.sealed

    async def renew_keys(self, tenant: str) -> int:
        """Have a tenant's keys write no more; how many. `reseal` then brings rows under new ones."""
        ring, renewed, after = self._ring(), 0, 0
        while found := await self._ask(ring.vault.keys, after, limits.KEYS_LISTED):
            after = found[-1].number
            for key in found:
                if key.tenant == tenant and not key.retired:
                    retire = partial(ring.vault.retire, tenant, key.subject, scope=False)
                    await self._ask(retire)
                    renewed += 1
        await self._write(tenant, lambda tx: subjects.begin(tx, tenant))
        await self.delete_note(tenant, _NOTE)
        return renewed

    async def rewrap_keys(self) -> int:
        """Have the first master key wrap all of it, under a new root; how many keys it were."""
        ring, wrapped = self._ring(), 0
        await self._ask(ring.renew_root)
        after: int | None = 0
        while after is not None:
            found = await self._ask(ring.vault.keys, after, limits.KEYS_LISTED)
            wrapped += len(found)
            after = await self._ask(ring.rewrap, after, limits.KEYS_LISTED)
        return wrapped

    async def keys_found(self, tenants: list[str]) -> KeysFound:
        """How the keys stand. Writes nothing."""
        vault, after, keys, retired = self._ring().vault, 0, 0, 0
        roots = await self._ask(vault.roots)
        while found := await self._ask(vault.keys, after, limits.KEYS_LISTED):
            after = found[-1].number
            keys += len(found)
            retired += sum(key.retired for key in found)
        notes = [await self.get_note(tenant, _NOTE) for tenant in tenants]
        masters = tuple(sorted({root.master for root in roots}))
        return KeysFound(masters, keys, retired, all(note == _DONE for note in notes))
