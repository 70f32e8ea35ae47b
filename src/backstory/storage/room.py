"""How much room a tenant has left for chunks that no content names yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from backstory import limits
from backstory.domain.content import uploads_full

Count = Callable[[str], Awaitable[int]]
"""Tells how many bytes a tenant's unfinished chunks have; costs what there are of them."""


class Room:
    """Counts at times, and adds in between what was sent through it.

    What others send at the same time, and what has become content since, is seen by the next
    count; one is made before anybody is refused.
    """

    def __init__(self, count: Count) -> None:
        self._count = count
        self._known: dict[str, tuple[int, int]] = {}

    async def require(self, tenant: str, sizes: Sequence[int]) -> None:
        """Take chunks of so many bytes more.

        Raises:
            UploadsFullError: there is no room for them.
        """
        if not sizes:
            return
        size = sum(sizes) + limits.CHUNK_COST_BYTES * len(sizes)
        counted, since = self._known.get(tenant, (0, limits.UPLOADS_COUNT_BYTES))
        taken = counted + since + size
        if since + size > limits.UPLOADS_COUNT_BYTES or taken > limits.UPLOADS_BYTES:
            counted, since = await self._count(tenant), 0
        if counted + since + size > limits.UPLOADS_BYTES:
            self._known.pop(tenant, None)
            raise uploads_full(counted)
        if len(self._known) >= limits.INTERNED_NAMES:
            self._known.clear()
        self._known[tenant] = counted, since + size
