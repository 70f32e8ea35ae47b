"""What every cache behind a network has to do: answer soon, and fail in one way only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from backstory import limits
from backstory.domain.contexts import Tag
from backstory.errors import CacheUnavailableError
from backstory.ports.cache import Cache

_PROBE_KEY: Final = "probe"
_PROBE_TAG: Final = Tag(0, b"")


class Remote:
    """The server at the other end. `shown` is how errors name it, `errors` are its client's own.

    To be used inside one event loop.
    """

    def __init__(self, shown: str, *errors: type[Exception]) -> None:
        self._shown = shown
        self._errors: tuple[type[Exception], ...] = (OSError, *errors)
        self._turns = asyncio.Semaphore(limits.CACHE_CONNECTIONS)
        self._closed = False

    async def close(self) -> None:
        """Begin no operation any more, and wait for those under way, `CACHE_SECONDS` at most."""
        if self._closed:
            return
        self._closed = True
        for _ in range(limits.CACHE_CONNECTIONS):
            await self._turns.acquire()

    @asynccontextmanager
    async def operation(self) -> AsyncIterator[None]:
        """One operation, from the wait for one of `CACHE_CONNECTIONS` to the answer.

        What is inside is cancelled after `CACHE_SECONDS`, and has to leave no connection behind
        that still expects an answer.

        Raises:
            CacheUnavailableError: not in time, not at all, or the server says that it cannot.
        """
        self._check_open()
        try:
            async with asyncio.timeout(limits.CACHE_SECONDS), self._turns:
                self._check_open()
                yield
        except TimeoutError as error:
            detail = f"has not answered within {limits.CACHE_SECONDS} seconds"
            raise CacheUnavailableError(f"the cache at {self._shown} {detail}") from error
        except self._errors as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            detail = f"the cache at {self._shown} cannot be used: {said}"
            raise CacheUnavailableError(detail) from error

    def _check_open(self) -> None:
        if self._closed:
            raise CacheUnavailableError(f"the cache at {self._shown} has been closed")


async def probe(cache: Cache) -> None:
    """Keep something, to see that it can be done: a full or read-only server answers, too.

    Raises:
        CacheUnavailableError: it cannot.
    """
    await cache.fill(_PROBE_KEY, await cache.get(_PROBE_KEY, None), _PROBE_TAG, b"")
