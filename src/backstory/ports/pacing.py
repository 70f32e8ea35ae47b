"""The pacer: who asks too often has to wait."""

from __future__ import annotations

from typing import Protocol

from backstory.domain.rates import Rate


class Pacer(Protocol):
    """Keeps a bucket for each key. Never fails: what cannot be shared is counted by each node."""

    async def take(self, key: str, rate: Rate) -> int:
        """Take a token; 0, or the microseconds after which there will be one."""
        ...

    def take_now(self, key: str, rate: Rate) -> int | None:
        """`take`, where it takes no waiting; None where it would."""
        ...

    def give_back(self, key: str, rate: Rate) -> None:
        """A token that was taken so is not used after all."""
        ...

    async def charge(self, key: str, rate: Rate, tokens: int) -> None:
        """Take so many tokens, or all that there are."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
