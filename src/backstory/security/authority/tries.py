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
        """It was the right one: nothing is held against account and pair, nor this try at all."""
        of_address, *others = [key for key, _ in _keys(name, address)]
        for key in others:
            await self._shelf.drop(key)

        def one_less(before: Tries | None) -> Tries:
            found = before or Tries(1, self._clock.now() + _WINDOW)
            return Tries(found.count - 1, found.until)

        await self._shelf.change(of_address, one_less, lambda tries: tries.until)

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
    """The address comes first, so that one that has to wait leaves nothing else behind."""
    return [
        (_hash("address", address), limits.TRIES_ADDRESS),
        (_hash("pair", name, address), limits.TRIES_PAIR),
        (_hash("account", name), limits.TRIES_ACCOUNT),
    ]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
