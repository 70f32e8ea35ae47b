"""The cache of one process, bounded in bytes.

What is read once waits on trial, what is read again is favoured: a look through all contexts,
as an export takes it, pushes out others on trial only, and not what is asked for all the time.

Everything that happens to a key has a number from one counter, and what `get` finds has the
number it was found at; a fill counts only if nothing has happened to its key since.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backstory import limits
from backstory.domain.contexts import Tag
from backstory.ports.cache import Cached


@dataclass(frozen=True, slots=True)
class _Kept:
    number: int
    until: float
    tag: Tag
    body: bytes

    @property
    def size(self) -> int:
        return len(self.body) + limits.CACHE_ENTRY_BYTES


class MemoryCache:
    """`ports.cache.Cache` in the memory of this process; to be used inside one event loop.

    `most_bytes` bounds the bodies with what each costs beside its own (`CACHE_ENTRY_BYTES`); a
    body over an eighth of it, or over `CACHE_BODY_BYTES`, is not kept. Entries live `seconds`;
    `now` tells seconds that never go back. Bodies cannot be damaged here and carry no checksum.
    """

    def __init__(
        self,
        most_bytes: int,
        *,
        seconds: float = limits.CACHE_LIFE_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most_bytes
        self._most_body = min(limits.CACHE_BODY_BYTES, most_bytes // 8)
        self._seconds, self._now = seconds, now
        self._trial: OrderedDict[str, _Kept] = OrderedDict()
        self._favoured: OrderedDict[str, _Kept] = OrderedDict()
        self._size = self._favoured_size = 0
        self._number = 0
        self._dropped: OrderedDict[str, int] = OrderedDict()
        self._floor = 0  # the number of the latest drop that is not remembered by its key

    @property
    def size(self) -> int:
        """Bytes that count against the bound."""
        return self._size

    def __len__(self) -> int:
        return len(self._trial) + len(self._favoured)

    async def get(self, key: str, tag: Tag | None) -> Cached:
        """As the port says. Never waits."""
        kept = self._found(key)
        if kept is None or (tag is not None and kept.tag != tag):
            return Cached(self._number)
        self._favour(key, kept)
        return Cached(self._number, kept.tag, kept.body)

    async def fill(self, key: str, found: Cached, tag: Tag, body: bytes) -> bool:
        """As the port says. Never waits."""
        if len(body) > self._most_body or not self._unchanged(key, found):
            return False
        favoured = key in self._favoured
        self._take(key)
        self._number += 1
        kept = _Kept(self._number, self._now() + self._seconds, tag, body)
        self._put(key, kept, favoured=favoured)
        while self._size > self._most:
            self._take(next(iter(self._trial or self._favoured)))
        return True

    async def drop(self, keys: Sequence[str]) -> None:
        """As the port says. Whoever read before it cannot fill the entry any more."""
        for key in keys:
            self._take(key)
            self._number += 1
            self._dropped[key] = self._number
            self._dropped.move_to_end(key)
        while len(self._dropped) > limits.CACHE_DROPS:
            _, self._floor = self._dropped.popitem(last=False)

    async def drop_near(self, keys: Sequence[str]) -> None:
        """As the port says; there is nothing else."""
        await self.drop(keys)

    async def check(self) -> None:
        """Memory is always there."""

    async def aclose(self) -> None:
        """Give the memory back. What is filled afterwards is kept as before."""
        self._trial.clear()
        self._favoured.clear()
        self._dropped.clear()
        self._size = self._favoured_size = 0
        self._floor = self._number

    def _unchanged(self, key: str, found: Cached) -> bool:
        token = found.token if isinstance(found.token, int) else -1
        kept = self._trial.get(key) or self._favoured.get(key)
        changed = self._dropped.get(key, self._floor) if kept is None else kept.number
        return changed <= token

    def _found(self, key: str) -> _Kept | None:
        kept = self._trial.get(key) or self._favoured.get(key)
        if kept is not None and self._now() >= kept.until:
            self._take(key)
            return None
        return kept

    def _favour(self, key: str, kept: _Kept) -> None:
        """Move it behind all others; the longest unread of too many favoured goes on trial again."""
        if key in self._favoured:
            self._favoured.move_to_end(key)
            return
        self._take(key)
        self._put(key, kept, favoured=True)
        while self._favoured_size * 5 > self._most * 4 and len(self._favoured) > 1:
            oldest, one = next(iter(self._favoured.items()))
            self._take(oldest)
            self._put(oldest, one, favoured=False)

    def _put(self, key: str, kept: _Kept, *, favoured: bool) -> None:
        (self._favoured if favoured else self._trial)[key] = kept
        self._size += kept.size
        if favoured:
            self._favoured_size += kept.size

    def _take(self, key: str) -> None:
        if (kept := self._favoured.pop(key, None)) is not None:
            self._favoured_size -= kept.size
        else:
            kept = self._trial.pop(key, None)
        if kept is not None:
            self._size -= kept.size
