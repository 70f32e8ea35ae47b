"""Looking whether all that is stored is still whole, a little at a time.

What is damaged is told and never mended: nothing here knows which of two things that contradict
each other is the true one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

What = Literal["context", "log", "chunk", "manifest"]
"""What is looked at, in this order: contexts against their changes and entries, the change log of
each tenant, chunks against their names, manifests against their roots and chunks.
"""

ORDER: Final[tuple[What, ...]] = ("context", "log", "chunk", "manifest")


@dataclass(frozen=True, slots=True)
class Place:
    """How far a look has come: behind which row of which tenant.

    For the log, `after` is a position, `upto` the newest when the tenant's turn came, and
    `missing` how many between have not been there.
    """

    what: What = ORDER[0]
    tenant: int = 0
    after: int = 0
    upto: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not as it should be. No name of a context, and nothing of its text."""

    what: What
    tenant: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.what} {self.where} of tenant {self.tenant}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Looked:
    """One step of a look: where the next begins (None at the end), and what was found."""

    next: Place | None
    count: int
    damage: tuple[Damage, ...] = ()


class Scrubs(Protocol):
    """A store that can look at itself."""

    async def scrub(self, place: Place) -> Looked:
        """Look at some rows behind a place: as many as take a moment.

        What is written, forgotten or purged meanwhile is no damage.

        Raises:
            StoreError: it cannot be read at all.
            KeyUnusableError: it is encrypted, and there is no key.
        """
        ...
