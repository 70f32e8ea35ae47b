"""From the setting to a cache."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from backstory import limits
from backstory.caching.layered import LayeredCache
from backstory.caching.memory import MemoryCache
from backstory.ports.cache import Cache

MEMCACHED_PORT = 11211


def open_cache(
    url: str, *, memory_bytes: int, guarded: Callable[[Cache], Cache] = lambda far: far
) -> Cache:
    """The cache that a URL names, as the setting `cache` has checked it. Connects to nothing yet.

    `memory_bytes` bounds what is kept in this process, before a server's cache, too. `guarded` is
    given a server's cache and tells what to put in its place, such as a breaker around it.
    """
    near = MemoryCache(memory_bytes)
    far = _far(url)
    if far is None:
        return near
    cache, most_bytes = far
    return LayeredCache(near, guarded(cache), most_bytes)


def _far(url: str) -> tuple[Cache, int] | None:
    """The cache of a server, and how long its bodies may be. Loads its client only if needed."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    if parts.scheme == "memory":
        return None
    if parts.scheme == "memcached":
        from backstory.caching.memcached import MemcachedCache

        port = parts.port or MEMCACHED_PORT
        memcached = MemcachedCache(parts.hostname or "", port, f"memcached://{host}:{port}")
        return memcached, limits.MEMCACHED_BODY_BYTES
    from backstory.caching.redis import RedisCache

    shown = f"{parts.scheme}://{host}:{parts.port or 6379}{parts.path}"
    return RedisCache(url, shown), limits.CACHE_BODY_BYTES
