"""From the setting to a cache."""

from __future__ import annotations

from backstory.caching.memory import MemoryCache
from backstory.ports.cache import Cache


def open_cache(url: str, *, memory_bytes: int) -> Cache:
    """The cache that a URL names, as the setting `cache` has checked it. Connects to nothing yet.

    `memory_bytes` bounds what is kept in this process. Everything that lies before a server's
    cache, such as a breaker, takes what this returns.
    """
    assert url == "memory://"
    return MemoryCache(memory_bytes)
