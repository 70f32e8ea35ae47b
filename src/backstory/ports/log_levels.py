"""Which lines of the log are wanted, as operators see and change it while the server runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

Word = Literal["debug", "info", "warning", "error"]

WORDS: Final[tuple[Word, ...]] = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Level:
    """The least important lines that are written.

    It is that of the `settings`, one that operators want on all nodes (`store`) until a time
    (microseconds), or one of this host (`file`).
    """

    level: Word
    origin: Literal["settings", "store", "file"]
    until: int | None = None


class LogLevels(Protocol):
    """The level of this process, and what operators want of all."""

    @property
    def present(self) -> Level:
        """What is in force here."""
        ...

    async def change(self, level: Word, seconds: int) -> Level:
        """Want this level on all nodes, for so many seconds; answers what is in force here.

        Raises:
            StoreError: the store cannot keep it.
        """
        ...

    async def reset(self) -> Level:
        """Want the settings' level again; answers what is in force here.

        Raises:
            StoreError: the store cannot forget the other.
        """
        ...
