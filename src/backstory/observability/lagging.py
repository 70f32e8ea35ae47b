"""What is looked at again and again: how late the event loop is, and what is shown of the tally."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from backstory import limits
from backstory.observability.prometheus import Metrics

logger = logging.getLogger(__name__)

T = TypeVar("T")


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


@asynccontextmanager
async def flushing(metrics: Metrics, look: Callable[[], None]) -> AsyncIterator[None]:
    """Looks, and shows what was tallied, while entered, and once more at the end."""
    look()
    task = asyncio.create_task(_flush(metrics, look), name="metrics")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        look()
        metrics.flush()


async def _flush(metrics: Metrics, look: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(limits.METRICS_SECONDS)
        look()
        metrics.flush()


@asynccontextmanager
async def repeating(
    work: Callable[[T], Awaitable[None]], of: T, seconds: float
) -> AsyncIterator[None]:
    """Does it again and again, so many seconds apart, while entered."""
    task = asyncio.create_task(_repeat(work, of, seconds), name="looks")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _repeat(work: Callable[[T], Awaitable[None]], of: T, seconds: float) -> None:
    while True:
        try:
            await work(of)
        except Exception:  # what looks must outlive anything
            logger.exception("a look failed")
        await asyncio.sleep(seconds)
