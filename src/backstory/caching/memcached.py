"""The cache in a Memcached that nodes share.

Compare-and-set is Memcached's own: `gets` tells a number that `cas` gives back, and `add` fills
only what is not there.
"""

from __future__ import annotations

from collections.abc import Sequence

from backstory import limits
from backstory.caching.entries import decoded, dropped, encoded, key_of
from backstory.caching.memcached_client import Client, ProtocolError
from backstory.caching.remote import Remote, probe
from backstory.domain.contexts import Tag
from backstory.ports.cache import Cached


class MemcachedCache:
    """`ports.cache.Cache` in a Memcached; to be used inside one event loop.

    Nothing is connected before the first use, and what breaks is connected anew by the next one.
    Memcached neither asks for a password nor encrypts here.
    """

    def __init__(self, host: str, port: int, shown: str) -> None:
        self._remote = Remote(shown, ProtocolError)
        self._client = Client(host, port)

    async def get(self, key: str, tag: Tag | None) -> Cached:
        """As the port says."""
        name = key_of(key)
        async with self._remote.operation():
            found = await self._client.gets(name)
        if found is None:
            return Cached(None)
        return decoded(key, found.value, tag, found.number)

    async def fill(self, key: str, found: Cached, tag: Tag, body: bytes) -> bool:
        """As the port says."""
        name = key_of(key)
        if len(body) > limits.MEMCACHED_BODY_BYTES:
            return False
        number = found.token if isinstance(found.token, int) else None
        value = encoded(key, tag, body)
        async with self._remote.operation():
            return await self._client.replace(name, value, number, limits.CACHE_LIFE_SECONDS)

    async def drop(self, keys: Sequence[str]) -> None:
        """As the port says."""
        names = [key_of(key) for key in keys]
        for begin in range(0, len(names), limits.CACHE_DROPS_AT_ONCE):
            part = names[begin : begin + limits.CACHE_DROPS_AT_ONCE]
            async with self._remote.operation():
                await self._client.put_instead(part, dropped(), limits.CACHE_DROPPED_SECONDS)

    async def drop_near(self, keys: Sequence[str]) -> None:
        """As the port says: nothing of it is in this process."""

    async def check(self) -> None:
        """As the port says; keeps something to see that it can."""
        await probe(self)

    async def aclose(self) -> None:
        """As the port says. What is asked for later is answered as if Memcached were away."""
        try:
            await self._remote.close()
        finally:
            await self._client.aclose()
