"""A copy of the store that may be behind it: bodies for a tag that is known to be true.

What a copy has is never the truth. Whoever asks has learned the tag from the store, and is given
exactly what has that tag, or nothing.
"""

from __future__ import annotations

from typing import Protocol

from backstory.domain.keys import ContextKey
from backstory.ports.store import EntryPage, EntryQuery, Standing, View


class Copies(Protocol):
    """Never fails: what cannot be asked, or does not answer soon, has nothing."""

    async def view(self, tenant: str, key: ContextKey, standing: Standing) -> View | None:
        """The context as it stands at the tag; None where the copy has another, or older names."""
        ...

    async def page(
        self, tenant: str, key: ContextKey, standing: Standing, query: EntryQuery
    ) -> EntryPage | None:
        """Entries that the context shows at the tag; None as with `view`."""
        ...

    async def aclose(self) -> None:
        """Let go of everything. May be called twice."""
        ...
