"""Bounding how long work may take, where most of it never waits.

What a request needs is mostly in memory, or in a file that is mapped: its work ends at its
first step, and a timer for it would cost more than the work. So the first step is made
without one, and only what has to wait for something is timed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from types import CoroutineType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class LateError(Exception):
    """It was cancelled; `seconds` is what it was given."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not done within {seconds:g} seconds")
        self.seconds = seconds


async def timed(work: Awaitable[T], seconds: float, told: float | None = None) -> T:
    """What the work comes to; what has not ended after so many seconds is cancelled.

    Raises:
        LateError: that happened; it tells of `told` seconds where those are given. Any other
            `TimeoutError` or `LateError` is the work's own.
    """
    if isinstance(work, CoroutineType):
        try:
            awaited = work.send(None)
        except StopIteration as ended:
            value: T = ended.value
            return value
        work = _Begun(work, awaited)
    clock = asyncio.timeout(seconds)
    try:
        async with clock:
            return await work
    except TimeoutError as error:
        if not clock.expired():
            raise
        raise LateError(round(seconds if told is None else told, 3)) from error


class _Begun(Generic[T]):
    """A coroutine after its first step, and what it waits for then."""

    __slots__ = ("_awaited", "_work")

    def __init__(self, work: CoroutineType[Any, Any, T], awaited: Any) -> None:
        self._work, self._awaited = work, awaited

    def __await__(self) -> Generator[Any, Any, T]:
        work, awaited = self._work, self._awaited
        try:
            while True:
                try:
                    sent = yield awaited
                except BaseException as error:  # noqa: BLE001 - all of them are the work's
                    awaited = work.throw(error)
                else:
                    awaited = work.send(sent)
        except StopIteration as ended:
            value: T = ended.value
            return value
