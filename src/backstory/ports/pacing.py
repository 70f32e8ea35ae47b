"""The pacer: who asks too often has to wait."""

from __future__ import annotations

from typing import Protocol

from backstory.domain.rates import Rate


class Pacer(Protocol):
    """Keeps a bucket for each key. Never fails: what cannot be shared is counted by each node."""

    async def take(self, key: str, rate: Rate) -> int:
        """Take a token; 0, or the microseconds after which there will be one."""
        ...

    async def charge(self, key: str, rate: Rate, tokens: int) -> None:
        """Take so many tokens, or all that there are."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
