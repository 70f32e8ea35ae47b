"""Many who want the same thing at once: one of them fetches it for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from backstory.resilience.deadlines import detached

T = TypeVar("T")


class Flights:
    """What is being fetched, by what it will be true for.

    Nobody owns a fetch: whoever goes away leaves it to the others, and whose deadline is near
    hurries nobody but himself. An error is for those who wait when it happens; the next one
    who asks begins anew.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(
        self,
        key: Hashable,
        fetch: Callable[[], Awaitable[T]],
        then: Callable[[T], Awaitable[None]] | None = None,
    ) -> T:
        """What `fetch` comes to, done once for all who ask by this key before `then` is over.

        Nobody waits for `then`, which keeps what was fetched.
        """
        coming: asyncio.Future[T] | None = self._under_way.get(key)
        if coming is None:
            coming = self._under_way[key] = asyncio.get_running_loop().create_future()
            flight = self._fly(key, coming, fetch, then)
            task = asyncio.get_running_loop().create_task(flight, context=detached())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(coming)

    async def aclose(self) -> None:
        """Wait for those under way, whose callers may still be there."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _fly(
        self,
        key: Hashable,
        coming: asyncio.Future[T],
        fetch: Callable[[], Awaitable[T]],
        then: Callable[[T], Awaitable[None]] | None,
    ) -> None:
        try:
            try:
                found = await fetch()
            except Exception as error:  # noqa: BLE001 - it belongs to those who wait
                coming.set_exception(error)
                coming.exception()  # perhaps they have all gone away
                return
            coming.set_result(found)
            if then is not None:
                await then(found)
        finally:
            del self._under_way[key]
            coming.cancel()  # nothing where it is done
