"""Contexts that were read a moment ago, true for as long as nobody has written to the file.

One look tells whether any process has committed since (`wal_index.DataVersion`), which
costs less than a microsecond. What another process erased is dropped within
`limits.POLL_SECONDS`, whether anybody reads or not.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from backstory import limits
from backstory.domain.chains import Chain
from backstory.domain.contexts import Snapshot
from backstory.domain.keys import ContextKey
from backstory.errors import StoreError
from backstory.ports.store import EntryPage, EntryQuery

Place = tuple[str, ContextKey]


class Near(NamedTuple):
    """A context as it stands; `chain` is None where that takes another look at the file."""

    snapshot: Snapshot
    chain: Chain | None


class _Kept(NamedTuple):
    version: int
    near: Near


class _KeptPage(NamedTuple):
    version: int
    page: EntryPage
    weight: int


Page = tuple[str, Chain, EntryQuery]
"""What a page is of: the tenant, what its context shows, and what was asked."""


class Nearby:
    """Contexts, and pages of their entries: who is told of a change asks as others do.

    To be made and used inside one event loop. `version` tells the file's data version."""

    def __init__(self, version: Callable[[], int], most_bytes: int = limits.NEARBY_BYTES) -> None:
        self._version, self._most = version, most_bytes
        self._kept: OrderedDict[Place, _Kept] = OrderedDict()
        self._pages: OrderedDict[Page, _KeptPage] = OrderedDict()
        self._size = self._paged = 0
        self._timer: asyncio.TimerHandle | None = None

    def get(self, place: Place, version: int) -> Near | None:
        """The context, if it was kept at this data version of the file."""
        kept = self._kept.get(place)
        if kept is None or kept.version != version:
            return None
        if self._size * 2 > self._most:  # until then, none will have to go for another
            self._kept.move_to_end(place)
        return kept.near

    def keep(self, place: Place, version: int, near: Near) -> Near:
        """Keep what was read after the file had this data version.

        Gives back the one that was kept before where nothing in it has changed, since it may
        be encoded already.
        """
        before = self._take(place)
        if before == near:
            near = before
        weight = _weight(near)
        if weight * 8 > self._most:
            return near
        self._kept[place] = _Kept(version, near)
        self._size += weight
        while self._size > self._most:
            self._take(next(iter(self._kept)))
        self._look_later()
        return near

    def get_page(self, asked: Page, version: int) -> EntryPage | None:
        """The page, if it was kept at this data version of the file."""
        kept = self._pages.get(asked)
        return kept.page if kept is not None and kept.version == version else None

    def keep_page(self, asked: Page, version: int, page: EntryPage) -> EntryPage:
        """Keep what was read after the file had this data version, if it is not too much."""
        self._take_page(asked)
        weight = _weight_of(page)
        if weight * 8 > self._most:
            return page
        self._pages[asked] = _KeptPage(version, page, weight)
        self._paged += weight
        while self._paged > self._most or len(self._pages) > limits.NEARBY_PAGES:
            self._take_page(next(iter(self._pages)))
        self._look_later()
        return page

    def clear(self) -> None:
        """Keep nothing."""
        self._kept.clear()
        self._pages.clear()
        self._size = self._paged = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _take(self, place: Place) -> Near | None:
        kept = self._kept.pop(place, None)
        if kept is None:
            return None
        self._size -= _weight(kept.near)
        return kept.near

    def _take_page(self, asked: Page) -> None:
        kept = self._pages.pop(asked, None)
        if kept is not None:
            self._paged -= kept.weight

    def _look_later(self) -> None:
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(limits.POLL_SECONDS, self._look)

    def _look(self) -> None:
        """Drop what is not known to be true any more."""
        self._timer = None
        version = -1
        with suppress(StoreError):
            version = self._version()
        for place in [place for place, kept in self._kept.items() if kept.version != version]:
            self._take(place)
        for asked in [asked for asked, kept in self._pages.items() if kept.version != version]:
            self._take_page(asked)
        if self._kept or self._pages:
            self._look_later()


def _weight(near: Near) -> int:
    """What it costs with its encoded forms, about."""
    return limits.CACHE_ENTRY_BYTES + 8 * len(near.snapshot.state)


def _weight_of(page: EntryPage) -> int:
    """The same of a page, which is kept as entries and encoded."""
    return sum(limits.CACHE_ENTRY_BYTES + 2 * entry.size for entry in page.entries)
