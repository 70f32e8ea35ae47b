"""A cache that tells what came of asking it: `ports.cache.Cache` around another one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal, Self

from backstory.domain.contexts import Tag
from backstory.errors import CacheUnavailableError
from backstory.ports.cache import Cache, Cached
from backstory.ports.events import CACHE, CacheAsked, Traced
from backstory.ports.hooks import Hooks, part

Outcome = Literal["hit", "miss", "damaged", "kept", "refused", "done", "away"]


def told_cache(cache: Cache, hooks: Hooks) -> Cache:
    """The cache, told of where anybody listens; else the cache itself."""
    if not (hooks.hears(CacheAsked) or hooks.hears(Traced)):
        return cache
    return _ToldCache(cache, hooks)


class _ToldCache:
    """Each operation goes on to the cache, and is told of once it is done."""

    def __init__(self, cache: Cache, hooks: Hooks) -> None:
        self._cache, self._hooks = cache, hooks

    async def get(self, key: str, tag: Tag | None) -> Cached:
        with _Asking(self._hooks, "get") as asking, part(CACHE, "get"):
            found = await self._cache.get(key, tag)
            if found.body is not None:
                asking.outcome = "hit"
            else:
                asking.outcome = "damaged" if found.damaged else "miss"
            return found

    async def fill(self, key: str, found: Cached, tag: Tag, body: bytes) -> bool:
        with _Asking(self._hooks, "fill") as asking, part(CACHE, "fill"):
            kept = await self._cache.fill(key, found, tag, body)
            asking.outcome = "kept" if kept else "refused"
            return kept

    async def drop(self, keys: Sequence[str]) -> None:
        with _Asking(self._hooks, "drop"), part(CACHE, "drop"):
            await self._cache.drop(keys)

    async def drop_near(self, keys: Sequence[str]) -> None:
        await self._cache.drop_near(keys)

    async def check(self) -> None:
        await self._cache.check()

    async def aclose(self) -> None:
        await self._cache.aclose()


class _Asking:
    """One question to the cache, which tells what came of it."""

    __slots__ = ("_begun", "_hooks", "_operation", "outcome")

    def __init__(self, hooks: Hooks, operation: str) -> None:
        self._hooks, self._operation = hooks, operation
        self.outcome: Outcome = "done"
        self._begun = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is not None and issubclass(kind, CacheUnavailableError):
            self.outcome = "away"
        taken = time.perf_counter() - self._begun
        if kind is None or self.outcome == "away":
            self._hooks.tell(CacheAsked(self._operation, self.outcome, taken))
