"""Notes, which the first store keeps; erasing, where a subject is kept; and what is done to all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from backstory.domain.principals import Author
from backstory.domain.subjects import Erasure
from backstory.ports.store import Gone, Store
from backstory.storage.routed.places import Places, all_of


class Lives(Places):
    """`ports.store.Notes` and `Erases`, and the background work of each store."""

    async def put_note(self, tenant: str, name: str, value: bytes, expires_at: int) -> None:
        await self._stores[0].put_note(tenant, name, value, expires_at)

    async def swap_note(
        self, tenant: str, name: str, before: bytes | None, value: bytes, expires_at: int
    ) -> bool:
        return await self._stores[0].swap_note(tenant, name, before, value, expires_at)

    async def get_note(self, tenant: str, name: str) -> bytes | None:
        return await self._stores[0].get_note(tenant, name)

    async def list_notes(
        self, tenant: str, prefix: str, after: str = "", limit: int = 1000
    ) -> Sequence[tuple[str, bytes]]:
        return await self._stores[0].list_notes(tenant, prefix, after, limit)

    async def delete_note(self, tenant: str, name: str) -> None:
        await self._stores[0].delete_note(tenant, name)

    async def keep_apart(self, name: str, expires_at: int) -> None:
        await self._stores[0].keep_apart(name, expires_at)

    async def kept_apart(self) -> Mapping[str, int]:
        return await self._stores[0].kept_apart()

    # -- erasing: a subject is never split, which the settings have checked -------------------

    def _of_subject(self, subject: str) -> Store:
        return self._stores[self._routing.of(subject)]

    async def erase(
        self, tenant: str, subject: str, author: Author, gone: Gone | None = None
    ) -> Erasure:
        """As the port says, and what the other stores know of the subject goes, too.

        One of them that is away has it fail in the end; it may be called again.
        """
        own = self._of_subject(subject)
        erased = await own.erase(tenant, subject, author, gone)
        asked = {
            at: partial(one.erase, tenant, subject, author, gone)
            for at, one in enumerate(self._but(own))
        }
        return _together(erased, (await all_of(asked)).values())

    def _but(self, own: Store) -> list[Store]:
        return [store for store in self._stores if store is not own]

    async def _elsewhere(self, tenant: str, subject: str) -> dict[int, Erasure | None]:
        others = self._but(self._of_subject(subject))
        return await all_of(
            {at: partial(one.erasure, tenant, subject) for at, one in enumerate(others)}
        )

    async def erasure(self, tenant: str, subject: str) -> Erasure | None:
        found = await self._of_subject(subject).erasure(tenant, subject)
        if found is None:
            return None
        others = (await self._elsewhere(tenant, subject)).values()
        return _together(found, [each for each in others if each is not None])

    async def is_erased(self, erasure: Erasure) -> bool:
        """Also what the other stores erased when they were asked last."""
        own = self._of_subject(erasure.subject)
        if not await own.is_erased(erasure):
            return False
        others = self._but(own)
        found = await self._elsewhere(erasure.tenant, erasure.subject)
        for at, each in found.items():
            if each is None:  # a store that came later has nothing to erase; the first one has
                if others[at] is self._stores[0]:
                    return False
            elif not await others[at].is_erased(each):
                return False
        return True

    async def finish_erasures(self) -> int:
        asked = {at: one.finish_erasures for at, one in enumerate(self._stores)}
        return sum((await all_of(asked)).values())

    async def sweep(self, now: int) -> int:
        asked = {at: partial(one.sweep, now) for at, one in enumerate(self._stores)}
        return sum((await all_of(asked)).values())


def _together(own: Erasure, others: Iterable[Erasure]) -> Erasure:
    """With what other stores had of the subject beside its contexts."""
    for each in others:
        own = replace(
            own,
            bindings=own.bindings + each.bindings,
            accounts=own.accounts + each.accounts,
            grants=own.grants + each.grants,
        )
    return own
