"""Bounding how long work may take, where most of it never waits.

What a request needs is mostly in memory, or in a file that is mapped: its work ends at its
first step, and a timer for it would cost more than the work. So the first step is made
without one, and only what has to wait for something is timed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Coroutine, Generator
from types import CoroutineType
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")


class _Hurry(threading.local):
    """Whether a first step is being made on this thread: what it starts for later is in no hurry."""

    now = False


_hurry: Final = _Hurry()


class LateError(Exception):
    """It was cancelled; `seconds` is what it was given."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not done within {seconds:g} seconds")
        self.seconds = seconds


async def timed(
    work: Awaitable[T], seconds: float, told: float | None = None, *, waits: bool = False
) -> T:
    """What the work comes to; what has not ended after so many seconds is cancelled.

    Where it surely `waits`, its first step is not made without a timer: to take it up behind that
    costs more than the timer.

    Raises:
        LateError: that happened; it tells of `told` seconds where those are given. Any other
            `TimeoutError` or `LateError` is the work's own.
    """
    if not waits and isinstance(work, CoroutineType):
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


class WaitsError(Exception):
    """It would have to wait, and whoever asks does not."""


def at_once(work: Coroutine[Any, Any, T]) -> T | None:
    """What the work comes to at its first step; what has to wait for something is ended, None.

    It is done outside of any task.

    Raises:
        WaitsError: it was about to hand something to a thread.
    """
    _hurry.now = True
    try:
        work.send(None)
    except StopIteration as ended:
        value: T = ended.value
        return value
    finally:
        _hurry.now = False
    _end(work)
    return None


def _end(work: Coroutine[Any, Any, Any]) -> None:
    """End work that waits. By an error: a generator that is closed while it waits never ends."""
    try:
        work.throw(WaitsError())
    except (WaitsError, StopIteration):
        return
    work.close()


def hurried() -> bool:
    """Whether it is done `at_once`, so that there is nothing to bound."""
    return _hurry.now


def waits() -> None:
    """To be said before work is handed to a thread, which would do it in vain.

    Raises:
        WaitsError: whoever asks does not wait.
    """
    if _hurry.now:
        raise WaitsError


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
