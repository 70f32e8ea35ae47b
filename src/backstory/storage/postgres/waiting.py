"""Plain calls that wait for the server without stopping the event loop.

The code in `storage.tables` is written as plain calls, since for an embedded store nothing is
waited for. Here each call runs in a greenlet of its own: where it has to wait, the greenlet
hands what is awaited to the coroutine that began it, and goes on with the answer.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar, cast

from greenlet import getcurrent, greenlet

P = ParamSpec("P")
T = TypeVar("T")


class _Call(greenlet):
    """A call that may wait. `home` is where the coroutine runs that began it."""

    def __init__(self, run: Callable[..., Any], home: greenlet) -> None:
        super().__init__(run, home)
        self.home = home
        self.gr_context = home.gr_context


def wait(awaitable: Awaitable[T]) -> T:
    """What the awaitable comes to. Only inside of `calling`."""
    current = getcurrent()
    assert isinstance(current, _Call), "waits outside of a call"
    return cast("T", current.home.switch(awaitable))


async def calling(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the call returns, which may `wait`.

    A cancellation reaches the call where it waits.
    """
    room = _Call(call, getcurrent())
    asked = room.switch(*args, **kwargs)
    while not room.dead:
        try:
            answer = await asked
        except BaseException:  # noqa: BLE001 - it belongs to the call, which may raise it again
            asked = room.throw(*sys.exc_info())
        else:
            asked = room.switch(answer)
    return cast("T", asked)
