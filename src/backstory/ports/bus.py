"""The change bus: hints that a tenant's change log has grown.

A message is a hint and never truth: it may be late, doubled or lost, and a hearer reads the
log itself. With every adapter a hearer looks once in `limits.POLL_SECONDS` on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Hear = Callable[[str | None], None]
"""Called on the event loop with a tenant, or None where any may be meant. Must not raise."""


class ChangeBus(Protocol):
    """Tells all nodes of new changes."""

    def announce(self, tenant: str) -> None:
        """Say that the tenant's log has grown. Never waits and never fails."""
        ...

    def subscribe(self, hear: Hear) -> Callable[[], None]:
        """Hear of changes made on any node until the returned function is called."""
        ...

    async def aclose(self) -> None:
        """Let go of everything. May be called twice."""
        ...
