"""A server's cache that is given no text: a body is encrypted before it leaves the process."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.domain.contexts import Tag
from backstory.encryption.box import Box
from backstory.ports.cache import Cache, Cached


class SealedCache:
    """`ports.cache.Cache` around another one; what it cannot open counts as nothing."""

    def __init__(self, cache: Cache, box: Box) -> None:
        self._cache, self._box = cache, box

    async def get(self, key: str, tag: Tag | None) -> Cached:
        found = await self._cache.get(key, tag)
        if found.body is None or found.tag is None:
            return found
        body = self._box.open(found.body, _about(key, found.tag))
        if body is None:
            return Cached(found.token, damaged=True)
        return Cached(found.token, found.tag, body)

    async def fill(self, key: str, found: Cached, tag: Tag, body: bytes) -> bool:
        return await self._cache.fill(key, found, tag, self._box.seal(body, _about(key, tag)))

    async def drop(self, keys: Sequence[str]) -> None:
        await self._cache.drop(keys)

    async def drop_near(self, keys: Sequence[str]) -> None:
        await self._cache.drop_near(keys)

    async def check(self) -> None:
        await self._cache.check()

    async def aclose(self) -> None:
        await self._cache.aclose()


def _about(key: str, tag: Tag) -> bytes:
    return f"{key} {tag.version} ".encode() + tag.commit
