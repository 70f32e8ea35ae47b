"""Proofs that were used, remembered in the store: for all nodes, and through restarts."""

from __future__ import annotations

from typing import Final

from backstory import limits
from backstory.clock import SECOND, Clock
from backstory.ports.store import Notes

_NOBODY: Final = ""  # notes of no tenant: a token always has one with a name
_PREFIX: Final = "tokens/proof/"


class StoreUses:
    """`security.proofs.Uses` by notes: a small write for each proof."""

    def __init__(self, notes: Notes, clock: Clock) -> None:
        self._notes, self._clock = notes, clock

    async def first(self, name: str) -> bool:
        """As the protocol says."""
        end = self._clock.now() + limits.PROOF_KEPT_SECONDS * SECOND
        return await self._notes.swap_note(_NOBODY, _PREFIX + name, None, b"1", end)
