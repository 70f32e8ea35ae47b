"""Catching up: what changed since a version that the caller holds.

An answer goes from one version to another and never splits one. It costs what changed, not
what the context holds: the chain of visible entries is compared as spans, and only the
entries that became visible are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backstory import limits
from backstory.contexts.history import state_patch
from backstory.contexts.reading import Reader
from backstory.domain.chains import Span, subtract
from backstory.domain.contexts import EMPTY_STATE, Head
from backstory.domain.entries import Entry
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Principal
from backstory.errors import GoneError
from backstory.ports.store import EntryQuery, Store, View


@dataclass(frozen=True, slots=True)
class CatchUp:
    """What leads from version `before` to version `after`.

    `old` is None where the caller holds nothing (`since=0`). `entries` became visible, `hidden`
    are spans no longer so, `redacted` lost their text. `more` tells that `after` is not the
    present.
    """

    before: int
    after: int
    more: bool
    old: Head | None
    new: Head
    patch: list[dict[str, Any]]
    entries: tuple[Entry, ...]
    hidden: tuple[Span, ...]
    redacted: tuple[int, ...]


class _TooMuchError(Exception):
    """An answer would be over its bound at this seq."""

    def __init__(self, found: list[Entry]) -> None:
        self.seq = _seq_over(found)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request: who holds which version of what, and how it stands now."""

    principal: Principal
    key: ContextKey
    since: int
    present: View
    old: View | None

    @property
    def head(self) -> Head:
        return self.present.snapshot.head

    @property
    def held(self) -> tuple[Span, ...]:
        return self.old.chain.spans if self.old else ()

    @property
    def first_step(self) -> int:
        """The version that an answer reaches at the least."""
        return max(self.since + 1, self.head.born, self.head.history_from)


class CatcherUp:
    """Answers `?since=`."""

    def __init__(self, store: Store, reader: Reader) -> None:
        self._store = store
        self._reader = reader

    async def catch_up(
        self, principal: Principal, key: ContextKey, since: int, epoch: str | None, limit: int
    ) -> CatchUp:
        """What changed after version `since`; 0 means from nothing.

        Raises:
            MissingError: there is no such living context for the caller.
            GoneError: past retention, across a deletion, above the present, of another epoch,
                or one version shows more entries again than an answer may hold.
        """
        present = await self._reader.view(principal, key)
        self._check(present.snapshot.head, since, epoch)
        old = await self._reader.view(principal, key, since) if since else None
        asked = _Asked(principal, key, since, present, old)
        target = present
        if subtract(present.chain.spans, asked.held):
            target = await self._target(asked, (old.snapshot.head.last_seq if old else 0) + limit)
        while True:
            try:
                return await self._answer(asked, target, await self._entries(asked, target))
            except _TooMuchError as over:
                target = await self._target(asked, over.seq - 1)

    def _check(self, head: Head, since: int, epoch: str | None) -> None:
        if epoch is not None and epoch != self._store.epoch:
            detail = f"the store is in epoch {self._store.epoch}"
        elif since > head.version:
            detail = f"{head.key} is at version {head.version}"
        elif 0 < since < max(head.born, head.history_from):
            detail = f"what changed in {head.key} since version {since} is no longer kept"
        else:
            return
        raise GoneError(f"{detail}; read it anew", current=head.version)

    async def _target(self, asked: _Asked, last_seq: int) -> View:
        """The latest version without entries above `last_seq`, but one step on at the least."""
        if asked.head.last_seq <= last_seq:
            return asked.present
        version = await self._store.version_at(asked.principal.tenant, asked.key, last_seq)
        version = max(version, asked.first_step)
        if version >= asked.head.version:
            return asked.present
        return await self._reader.view(asked.principal, asked.key, version)

    async def _entries(self, asked: _Asked, target: View) -> tuple[Entry, ...]:
        """The entries that became visible; one step is never split, whatever its bytes."""
        single = target.snapshot.head.version <= asked.first_step
        found: list[Entry] = []
        size = 0
        for first, last in subtract(target.chain.spans, asked.held):
            after, more = first - 1, True
            while more and after < last:
                query = EntryQuery(after, last + 1, limits.COMMIT_ENTRIES + 1, limits.PAGE_BYTES)
                page = await self._store.page(asked.principal.tenant, target.chain, query)
                found += page.entries
                size += sum(entry.size for entry in page.entries)
                if len(found) > limits.COMMIT_ENTRIES:
                    raise _over(target.snapshot.head) if single else _TooMuchError(found)
                if size > limits.PAGE_BYTES and not single:
                    raise _TooMuchError(found)
                after, more = page.entries[-1].seq if page.entries else last, page.more
        return tuple(found)

    async def _answer(self, asked: _Asked, target: View, entries: tuple[Entry, ...]) -> CatchUp:
        new, old = target.snapshot, asked.old
        version = new.head.version
        redacted = await self._store.redactions(
            asked.principal.tenant, asked.key, asked.since, version
        )
        return CatchUp(
            asked.since,
            version,
            version < asked.head.version,
            old.snapshot.head if old else None,
            new.head,
            await state_patch(old.snapshot.state if old else EMPTY_STATE, new.state),
            entries,
            subtract(asked.held, target.chain.spans),
            tuple(redacted),
        )


def _over(head: Head) -> GoneError:
    return GoneError(
        f"version {head.version} of {head.key} shows more than {limits.COMMIT_ENTRIES} entries "
        "at once; read its entries page by page",
        current=head.version,
    )


def _seq_over(entries: list[Entry]) -> int:
    """The seq at which the entries pass the bounds of a page."""
    size = 0
    for count, entry in enumerate(entries, 1):
        size += entry.size
        if size > limits.PAGE_BYTES or count > limits.COMMIT_ENTRIES:
            return entry.seq
    return entries[-1].seq
