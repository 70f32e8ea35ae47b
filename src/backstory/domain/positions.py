"""Places in several change logs as one number, so that one cursor can stand for all of them.

The first log has the lowest 64 bits, the next those above. Whoever reads one log never sees it:
a place in a single log is its position.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_BITS: Final = 64
UNKNOWN: Final = 2**_BITS - 1
"""Stands for the newest position of a log that could not be asked yet."""


def pack(positions: Iterable[int]) -> int:
    """One number for a position in each log."""
    packed = 0
    for at, position in enumerate(positions):
        packed |= position << (_BITS * at)
    return packed


def unpack(packed: int, logs: int) -> tuple[int, ...]:
    """The position in each of so many logs."""
    return tuple(packed >> (_BITS * at) & UNKNOWN for at in range(logs))
