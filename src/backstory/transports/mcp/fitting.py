"""Windows that fit into an answer: a budget of tokens brought down to a bound of bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from backstory.domain.principals import Principal
from backstory.errors import RenderBudgetError
from backstory.rendering.requests import RenderRequest
from backstory.rendering.windows import Window
from backstory.transports.mcp import answers
from backstory.transports.mcp.answers import BYTES, View
from backstory.transports.mcp.callers import Served

_ROUNDS: Final = 6
_MOST: Final = BYTES  # tokens of a window that could fit; no token is less than a byte
_ROWS: Final = 40  # of the ledger that an answer shows


async def fitted(
    served: Served,
    principal: Principal,
    request: RenderRequest,
    view: Callable[[Window], Any],
) -> tuple[Window, bool]:
    """The largest window whose view fits, and whether it is less than was asked for.

    Raises:
        RenderBudgetError: what is pinned is longer than an answer may be.
    """
    available = request.available
    room = min(available, _MOST)
    for _ in range(_ROUNDS):
        asked = request if room == available else _with_room(request, room)
        window = await served.renderer.render(principal, asked)
        size = answers.weigh(view(window))
        if size <= BYTES:
            return window, room < available and window.total * 2 > room
        room = max(1, min(window.total, room) * BYTES // size * 9 // 10)
    raise RenderBudgetError(
        f"the window is longer than the {BYTES} bytes of an answer; render it over REST"
    )


def _with_room(request: RenderRequest, room: int) -> RenderRequest:
    return msgspec.structs.replace(request, budget=room, reserve=0)


def tool_view(window: Window) -> View:
    """A window as the tool answers it: the ledger's first rows, and how many there are."""
    view = window.view()
    rows = view["ledger"]
    return view | {"ledger": rows[:_ROWS], "ledger_rows": len(rows)}
