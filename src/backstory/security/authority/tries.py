"""Wrong passwords, counted for each account, each address and each pair of them.

A try is counted before the password is looked at, so that many at once are not more than one
after the other. Names are counted as they are typed, so that those of no account lock alike.
"""

from __future__ import annotations

import hashlib
from typing import Final

from backstory import limits
from backstory.clock import SECOND, Clock
from backstory.errors import RateLimitedError
from backstory.ports.store import Notes
from backstory.security.authority.records import Tries
from backstory.security.authority.shelf import Shelf

_WINDOW: Final = limits.TRIES_SECONDS * SECOND


class Counting:
    """Counts, in the store, for all nodes together."""

    def __init__(self, notes: Notes, clock: Clock) -> None:
        self._shelf = Shelf(notes, "tries", Tries)
        self._clock = clock

    async def begin(self, name: str, address: str) -> None:
        """A password is about to be looked at.

        Raises:
            RateLimitedError: there were too many wrong ones lately.
        """
        for key, most in _keys(name, address):
            await self._count(key, most)

    async def succeeded(self, name: str, address: str) -> None:
        """It was the right one: what was counted for account and pair is forgotten."""
        for key, _ in _keys(name, address)[:2]:
            await self._shelf.drop(key)

    async def _count(self, key: str, most: int) -> None:
        now = self._clock.now()

        def counted(before: Tries | None) -> Tries:
            if before is None:
                return Tries(1, now + _WINDOW)
            if before.count >= most:
                wait = -(-(before.until - now) // SECOND)
                raise RateLimitedError(
                    "too many wrong passwords; wait as long as Retry-After says",
                    retry_after=max(1, wait),
                )
            # The last one that is let through begins the wait anew.
            last = before.count + 1 == most
            return Tries(before.count + 1, now + _WINDOW if last else before.until)

        await self._shelf.change(key, counted, lambda tries: tries.until)


def _keys(name: str, address: str) -> list[tuple[str, int]]:
    return [
        (_hash("pair", name, address), limits.TRIES_PAIR),
        (_hash("account", name), limits.TRIES_ACCOUNT),
        (_hash("address", address), limits.TRIES_ADDRESS),
    ]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
