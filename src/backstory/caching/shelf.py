"""Views and tails in a cache: what they are called there, and what of them can be read."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache

from backstory import limits
from backstory.caching import bodies
from backstory.caching.bodies import Copy
from backstory.caching.tails import Tail
from backstory.domain.contexts import Tag
from backstory.domain.keys import ContextKey
from backstory.domain.sealing import Seal
from backstory.errors import CacheUnavailableError
from backstory.ports.cache import Cache, Cached
from backstory.ports.store import View


class Shelf:
    """A cache of one store's life. Where it cannot be used it is as good as empty.

    What is found comes with what has to be given back when it is kept anew; None where nothing
    has to be. `names` is that of `ports.store.Standing`: what was kept before an author lost his
    name is not found after it.
    """

    def __init__(self, cache: Cache, seal: Seal, epoch: str) -> None:
        self._cache, self._seal, self._epoch = cache, seal, epoch
        self.names = lru_cache(limits.KEYS_CHECKED)(self._names)

    def _names(self, tenant: str, key: ContextKey) -> tuple[str, str]:
        """What a context's view and tail are called. Tells nothing to who has no secret."""
        parts = (self._epoch, tenant, key.namespace, key.name)
        place = self._seal.hash("cache", *(part.encode() for part in parts)).hex()
        return f"v{place}", f"t{place}"

    async def view(
        self, name: str, key: ContextKey, tag: Tag | None, names: int
    ) -> tuple[Cached | None, Copy | None]:
        """The view for the tag; with None, whichever is there."""
        found = await self._get(name, None if tag is None else _marked(tag, names))
        if found is None or found.body is None:
            return found, None
        copy = bodies.decode_view(key, found.body)
        fits = copy is not None and _marked(copy.view.snapshot.head.tag, names) == found.tag
        return found, copy if fits else None

    async def tail(self, name: str, tag: Tag, names: int) -> tuple[Cached | None, Tail | None]:
        found = await self._get(name, _marked(tag, names))
        body = None if found is None else found.body
        return found, None if body is None else bodies.decode_tail(body)

    async def keep_view(
        self, name: str, found: Cached | None, read_at: int, names: int, view: View | None
    ) -> None:
        if view is not None:
            body = bodies.encode_view(view, read_at)
            await self._fill(name, found, _marked(view.snapshot.head.tag, names), body)

    async def keep_tail(
        self, name: str, found: Cached | None, tag: Tag, names: int, tail: Tail
    ) -> None:
        await self._fill(name, found, _marked(tag, names), bodies.encode_tail(tail))

    async def usable(self) -> bool:
        try:
            await self._cache.check()
        except CacheUnavailableError:
            return False
        return True

    async def _get(self, name: str, tag: Tag | None) -> Cached | None:
        try:
            return await self._cache.get(name, tag)
        except CacheUnavailableError:
            return None

    async def _fill(self, name: str, found: Cached | None, tag: Tag, body: bytes) -> None:
        if found is not None:
            with suppress(CacheUnavailableError):
                await self._cache.fill(name, found, tag, body)


def _marked(tag: Tag, names: int) -> Tag:
    """The tag in the cache, where it is another one once names were taken."""
    return Tag(tag.version, tag.commit + names.to_bytes(8, "big")) if names else tag
