"""The moment by which an answer is due, known to all that is done for it.

It is set once, at the edge, and travels in a context variable, so that nothing has to hand it
on. What waits for something else asks how much is left. Without a deadline each wait has its
own bound.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, TypeVar

from backstory import limits
from backstory.resilience.stepping import LateError, timed

__all__ = ["LateError", "answered", "detached", "left", "remaining", "within"]

T = TypeVar("T")
Now = Callable[[], float]

_DUE: ContextVar[float | None] = ContextVar("backstory_due", default=None)

_OF_REQUESTS: Final[list[ContextVar[Any]]] = [_DUE]


def left(now: Now = time.monotonic) -> float | None:
    """Seconds until the answer is due, not below 0; None where it has no deadline."""
    due = _DUE.get()
    return None if due is None else max(0.0, due - now())


def remaining(most: float, now: Now = time.monotonic) -> float:
    """The same; `most` where nobody needs it sooner."""
    due = _DUE.get()
    return most if due is None else min(most, max(0.0, due - now()))


@contextmanager
def within(seconds: float, now: Now = time.monotonic) -> Iterator[None]:
    """What is done inside is due in so many seconds, or when it was due before, if sooner."""
    due, before = now() + seconds, _DUE.get()
    token = _DUE.set(due if before is None else min(due, before))
    try:
        yield
    finally:
        _DUE.reset(token)


def belongs_to_request(var: ContextVar[Any]) -> None:
    """What is `detached` from a request has None in it."""
    _OF_REQUESTS.append(var)


def detached() -> Context:
    """The context of a task that goes on after the request that began it."""
    context = copy_context()
    for var in _OF_REQUESTS:
        context.run(var.set, None)
    return context


async def answered(seconds: float, work: Awaitable[T], *, waits: bool = False) -> T:
    """What the work comes to, due within `seconds` or the deadline that is set, if sooner.

    `waits`: as `timed` has it.

    Whoever waits for something else ends by itself when it is due, and knows best what came of
    it. What has not ended a moment later is cancelled.

    Raises:
        LateError: that happened.
    """
    # As `within`, but for each request, where a generator would cost more than the rest.
    now, before = time.monotonic(), _DUE.get()
    due = now + seconds if before is None else min(now + seconds, before)
    given, token = max(0.0, due - now), _DUE.set(due)
    try:
        most = given + min(limits.GRACE_SECONDS, given)
        return await timed(work, most, told=given, waits=waits)
    finally:
        _DUE.reset(token)
