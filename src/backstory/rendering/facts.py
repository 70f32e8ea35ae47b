"""What a source has beside its entries: its state, its content, the arguments of a prompt.

A fact stands in one message of data between marks, in front of all turns.
"""

from __future__ import annotations

from dataclasses import dataclass

from backstory.domain.principals import Trust
from backstory.rendering.logs import Fits
from backstory.rendering.units import Unit


@dataclass(frozen=True, slots=True)
class Fact:
    """One of them. `part` is what the ledger calls it; `held`: it is never left out."""

    part: str
    unit: Unit
    trust: Trust
    held: bool = False

    def fitted(self, room: int, fits: Fits) -> tuple[Unit | None, str]:
        """All of it, or as much as fits, or nothing, and the reason for the ledger."""
        return fits.fitted(self.unit, room)
