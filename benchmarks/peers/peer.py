"""What a peer can do: keep conversations. Every method may be called from several threads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer keeps things: a folder of its own, or a server on a port."""

    folder: Path
    port: int


class Peer(Protocol):
    """One project, ready to be asked."""

    def append(self, conversation: str, text: str) -> None:
        """Add a message by the user; returns once it is kept."""
        ...

    def read(self, conversation: str) -> bytes:
        """Read all messages, as they come."""
        ...

    def catch_up(self, conversation: str, known: int) -> bytes:
        """Read what came after so many messages, as its users would."""
        ...

    def count(self, conversation: str) -> int:
        """How many messages are kept."""
        ...

    def close(self) -> None: ...
