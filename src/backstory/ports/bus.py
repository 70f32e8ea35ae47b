"""The change bus: hints that a tenant's change log has grown.

A message is a hint and never truth: it may be late, doubled, lost or made up, and a hearer
reads the log itself. With every adapter a hearer looks once in `limits.POLL_SECONDS` on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Hear = Callable[[], None]
"""Called on the event loop when the log may have grown. Must not raise."""


class ChangeBus(Protocol):
    """Tells all nodes of new changes."""

    def announce(self, tenant: str) -> None:
        """Say that the tenant's log has grown. Never waits and never fails."""
        ...

    def subscribe(self, tenant: str, hear: Hear) -> Callable[[], None]:
        """Hear of a tenant's changes, made on any node, until the returned function is called.

        One call may stand for many changes, and several for one.
        """
        ...

    async def check(self) -> None:
        """Raise `BusUnavailableError` when other nodes cannot be heard now.

        Waits for the end of the first attempt at it, which is bounded.
        """
        ...

    async def aclose(self) -> None:
        """Let go of everything. May be called twice."""
        ...
