"""Whether a caller whose request goes on is still let in, and with which rights.

Its token may end, or be revoked; its roles may be changed.
"""

from __future__ import annotations

from collections.abc import Callable

from backstory.clock import SECOND, Clock
from backstory.contexts.granting import Granting
from backstory.domain.principals import Principal


class Standing:
    """Asked by everything that goes on for a principal: streams, and waiting for changes."""

    def __init__(self, clock: Clock, granting: Granting) -> None:
        self._clock = clock
        self._granting = granting
        self.revoked: Callable[[], frozenset[str]] = frozenset
        """Tells the names of tokens that were revoked."""

    def ended(self, principal: Principal) -> bool:
        """Whether nothing more may be told to it."""
        if principal.token is not None and principal.token in self.revoked():
            return True
        return principal.expires_at is not None and self._clock.now() >= principal.expires_at

    async def current(self, principal: Principal) -> Principal:
        """The principal with its rights as they are now.

        Raises:
            StoreError: they were changed, and the store cannot be asked.
        """
        return await self._granting.current(principal)

    def within(self, principal: Principal, seconds: float | None) -> float | None:
        """Not more than these seconds, nor than its token has left; None: without end."""
        if principal.expires_at is None:
            return seconds
        left = max(0.0, (principal.expires_at - self._clock.now()) / SECOND)
        return left if seconds is None else min(seconds, left)
