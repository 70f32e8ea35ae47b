"""How late the event loop is: a look at it once a second, and by how much that comes late."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from backstory import limits


@asynccontextmanager
async def looking(observe: Callable[[float], None]) -> AsyncIterator[None]:
    """Observes the lag in seconds, while entered."""
    task = asyncio.create_task(_look(observe), name="event loop lag")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _look(observe: Callable[[float], None]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + limits.LAG_LOOK_SECONDS
        await asyncio.sleep(limits.LAG_LOOK_SECONDS)
        observe(max(0.0, loop.time() - due))
