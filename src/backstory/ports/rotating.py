"""An encrypted store whose keys can be replaced while it is in use."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol


class Keyed(Protocol):
    """Everything may be interrupted and begun again."""

    @property
    def master(self) -> str:
        """The name of the master key that wraps.

        Raises:
            KeyUnusableError: the store is not encrypted.
        """
        ...

    async def tenants(self, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Names of tenants in order, behind one."""
        ...

    async def is_wrapped(self) -> bool:
        """Whether the first master key wraps all that master keys wrap."""
        ...

    async def rewrap_keys(self) -> int:
        """Have it do so, and wrap all keys anew; how many keys."""
        ...

    async def newest_key(self) -> int:
        """The number of the data key that was made last. Later ones have higher numbers."""
        ...

    async def renew_old_keys(self, upto: int) -> int:
        """Have data keys up to a number write no more; how many."""
        ...

    async def is_resealed(self, tenant: str) -> bool:
        """Whether all rows of a tenant are known to be under the keys that write."""
        ...

    def reseal(self, tenant: str) -> AsyncGenerator[int]:
        """Bring them there, some at each step; how many so far. Goes on where it was."""
        ...
