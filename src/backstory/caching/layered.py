"""Memory before a server's cache: the near one answers where it can, the far one fills it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backstory.domain.contexts import Tag
from backstory.errors import CacheUnavailableError
from backstory.ports.cache import Cache, Cached, Token


@dataclass(frozen=True, slots=True)
class _Both:
    """What each of the two found. `far` is None where it was not asked, or could not answer."""

    near: Token
    far: Cached | None
    away: bool = False


class LayeredCache:
    """`ports.cache.Cache` over two others, which it closes with itself.

    While the far one cannot be used, the near one is the cache for who knows a tag. Bodies
    of more than `far_bytes` are kept near only.
    """

    def __init__(self, near: Cache, far: Cache, far_bytes: int) -> None:
        self._near, self._far, self._far_bytes = near, far, far_bytes

    async def get(self, key: str, tag: Tag | None) -> Cached:
        """As the port says. Without a tag the near one says nothing.

        It does not hear of what other nodes have dropped, and nobody would find out.
        """
        near = await self._near.get(key, tag)
        if tag is None:
            far = await self._far.get(key, None)
            return Cached(_Both(near.token, far), far.tag, far.body, far.damaged)
        if near.body is not None:
            return Cached(_Both(near.token, None), near.tag, near.body)
        try:
            far = await self._far.get(key, tag)
        except CacheUnavailableError:
            return Cached(_Both(near.token, None, away=True))
        if far.body is not None:
            await self._near.fill(key, near, tag, far.body)
            near = await self._near.get(key, tag)
        return Cached(_Both(near.token, far), far.tag, far.body, far.damaged)

    async def fill(self, key: str, found: Cached, tag: Tag, body: bytes) -> bool:
        """As the port says. What the far one refuses is not kept near either."""
        both = found.token
        if not isinstance(both, _Both):
            return False
        kept = False
        if len(body) <= self._far_bytes and not both.away:
            try:
                if not (kept := await self._fill_far(key, found, both, tag, body)):
                    return False
            except CacheUnavailableError:
                pass
        return await self._near.fill(key, Cached(both.near), tag, body) or kept

    async def _fill_far(self, key: str, found: Cached, both: _Both, tag: Tag, body: bytes) -> bool:
        """Fill the far one if it holds what it held then, or what was found near."""
        far = both.far
        if far is None:
            far = await self._far.get(key, found.tag)
            if far.body is None:
                return False
        return await self._far.fill(key, far, tag, body)

    async def drop(self, keys: Sequence[str]) -> None:
        """As the port says, near in any case.

        The far one comes first: what was read from it before cannot be kept near afterwards.
        """
        try:
            await self._far.drop(keys)
        finally:
            await self._near.drop(keys)

    async def drop_near(self, keys: Sequence[str]) -> None:
        """As the port says."""
        await self._near.drop(keys)

    async def check(self) -> None:
        """As the port says, of both."""
        await self._near.check()
        await self._far.check()

    async def aclose(self) -> None:
        """As the port says, both."""
        try:
            await self._near.aclose()
        finally:
            await self._far.aclose()
