"""The past of a context: its versions, their differences, and letting the past go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backstory.contexts import access
from backstory.contexts.reading import Reader
from backstory.domain.chains import Span, subtract
from backstory.domain.changes import Change
from backstory.domain.contexts import Head, missing
from backstory.domain.keys import ContextKey
from backstory.domain.patches import diff
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.ports.audits import Auditing, UnsealedError
from backstory.ports.store import Store, View

DIFF_INLINE_BYTES = 4096
"""States of more bytes are compared off the event loop."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What lies between two versions: state by RFC 6902, changed head members, entries by span."""

    before: Head
    after: Head
    patch: list[dict[str, Any]]
    shown: tuple[Span, ...]
    hidden: tuple[Span, ...]


class Historian:
    """Tells of the past to those who may read."""

    def __init__(self, store: Store, reader: Reader) -> None:
        self._store = store
        self._reader = reader
        self.auditing: Auditing | None = None
        """Who keeps the audit trail, where there is one."""

    async def versions(
        self,
        principal: Principal,
        key: ContextKey,
        *,
        after: int,
        before: int,
        limit: int,
        newest_first: bool,
    ) -> Sequence[Change]:
        """Who changed what and when, deletions included.

        Raises:
            MissingError: the name never was, was purged, or is not the caller's to know.
        """
        access.require(principal, Verb.READ, key)
        if await self._store.snapshot(principal.tenant, key) is None:
            raise missing(key)
        return await self._store.versions(
            principal.tenant,
            key,
            after=after,
            before=before,
            limit=limit,
            newest_first=newest_first,
        )

    async def difference(
        self, principal: Principal, key: ContextKey, first: int, second: int | None
    ) -> Difference:
        """What has to be done to get from one version to another, in either direction.

        Raises:
            MissingError, GoneError: a version is a deletion, or cannot be read back.
        """
        old = await self._reader.view(principal, key, first)
        new = await self._reader.view(principal, key, second)
        return await compare(old, new)

    async def forget(self, principal: Principal, key: ContextKey, before: int) -> Head:
        """Let all versions below `before` go, for good.

        Raises:
            MissingError, GoneError: as `Store.forget`.
        """
        access.require(principal, Verb.WRITE, key)
        tenant = principal.tenant
        if self.auditing is None:
            return await self._store.forget(tenant, key, before)
        while True:
            act = self.auditing.act(principal, "forget", key, before=before)
            try:
                return await self._store.forget(tenant, key, before, act)
            except UnsealedError:
                await self.auditing.seal(tenant, key.namespace)


async def compare(old: View, new: View) -> Difference:
    """The difference between two views of one context."""
    before, after = old.snapshot, new.snapshot
    return Difference(
        before.head,
        after.head,
        await state_patch(before.state, after.state),
        subtract(new.chain.spans, old.chain.spans),
        subtract(old.chain.spans, new.chain.spans),
    )


async def state_patch(before: bytes, after: bytes) -> list[dict[str, Any]]:
    """`domain.patches.diff`, off the event loop where it may take long."""
    if before == after:
        return []
    if len(before) + len(after) <= DIFF_INLINE_BYTES:
        return diff(before, after)
    return await asyncio.to_thread(diff, before, after)
