"""What a connection may keep waiting: heads that do not end, answers that nobody reads.

A timer for each request would cost each request; instead, a server looks once a second at what
its connections have noted. Only those that keep it waiting are touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from backstory import limits


class Waiting(Protocol):
    """What a connection notes; times are the event loop's, None where there is nothing."""

    idle_since: float | None
    """When it was made or its last request was answered, as long as nothing has come."""
    head_since: float | None
    """When the first byte of a head came that has not ended."""
    rest_since: float | None
    """When something came of a body whose request was answered already."""
    unread_since: float | None
    """Since when its client has taken nothing, though something is to be sent."""

    def head_is_late(self) -> None:
        """Answer 408 and close."""
        ...

    def leave(self) -> None:
        """Close it without a word."""
        ...

    def cut(self) -> None:
        """End it at once, whatever was to be sent."""
        ...


def look(connections: Sequence[Waiting], now: float) -> None:
    """End those that keep a server waiting for too long."""
    for each in connections:
        if _over(each.unread_since, now, limits.UNREAD_SECONDS):
            each.cut()
        elif _over(each.head_since, now, limits.HEAD_SECONDS):
            each.head_is_late()
        elif _over(each.rest_since, now, limits.REQUEST_SECONDS) or _over(
            each.idle_since, now, limits.KEEP_ALIVE_SECONDS
        ):
            each.leave()


def _over(since: float | None, now: float, seconds: float) -> bool:
    return since is not None and now - since > seconds
