"""The cache: bodies that were read, kept near for whoever reads them again.

A cache supplies bytes for a tag that the reader knows to be true, and never truth: whoever
gets a body compares its tag with the store's, and equal is the only comparison there is. After
a restore, or when a name was made again, "older" and "newer" mean nothing.

A cache may forget anything at any time. A caller goes on without it where it raises
`CacheUnavailableError`; nothing else is raised. Every operation is bounded in time by the adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from backstory.domain.contexts import Tag

Token = object
"""What a cache knows an entry's present content by. Means something to that cache only."""


@dataclass(frozen=True, slots=True)
class Cached:
    """What is kept under a key. Without a body there was none, or it was `damaged`.

    `token` has to be given back when the entry is filled anew.
    """

    token: Token
    tag: Tag | None = None
    body: bytes | None = None
    damaged: bool = False


class Cache(Protocol):
    """Bytes by key, each with the tag that they are true for.

    Keys are at most 64 ASCII letters and digits and tell nothing of what they stand for. A body
    that was damaged on its way is not given.
    """

    async def get(self, key: str, tag: Tag | None) -> Cached:
        """What is kept for the tag, or an entry without a body.

        With None, whatever is kept: for reads that may be stale, while no tag can be learnt.
        """
        ...

    async def fill(self, key: str, found: Cached, tag: Tag, body: bytes) -> bool:
        """Keep a body if the entry still is what `get` found; whether it was kept.

        Compare-and-set: of two readers who missed, the slower one with the older body does not
        replace what the faster one kept. A body over the adapter's bound is not kept.
        """
        ...

    async def drop(self, keys: Sequence[str]) -> None:
        """Forget these entries, now, for everyone who shares the cache.

        What was got before cannot be filled afterwards, for longer than a request may last. What
        other processes hold in memory before a shared cache is theirs to drop.
        """
        ...

    async def drop_near(self, keys: Sequence[str]) -> None:
        """Forget these entries in this process alone; a server's cache keeps what it has."""
        ...

    async def check(self) -> None:
        """Raise `CacheUnavailableError` when the cache cannot be used now."""
        ...

    async def aclose(self) -> None:
        """Let go of everything. May be called twice."""
        ...
