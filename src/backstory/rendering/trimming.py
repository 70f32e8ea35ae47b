"""Which of the newest units a window shows, so that a growing conversation keeps its prefix.

A window that began one message later each turn would share nothing with the one before, and
no prompt cache could help. So a window begins at the roundest place (the seq with the most
factors of two) among those that leave between a third and all of its room filled. That
place depends on nothing but seqs and tokens, and stays for many turns: until the
conversation has grown by a third to two thirds of the room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backstory.rendering.units import Unit

FLOOR: Final = 3
"""A window that was trimmed fills at least one part in so many of its room."""


def start(units: Sequence[Unit], room: int, *, whole: bool) -> int:
    """The index of the first unit shown; `len(units)` where not even the newest fits.

    `whole` tells that there are no units before these.
    """
    least = _least(units, room)
    if (least == 0 and whole) or least == len(units):
        return least
    most = max(least, _least(units, room // FLOOR) - 1)
    places = range(least, most + 1)
    turns = [i for i in places if units[i].begins_turn] or list(places)
    return max(turns, key=lambda i: (_roundness(units, i), -i))


def _least(units: Sequence[Unit], room: int) -> int:
    """The first index from which on all fit."""
    left = room
    for i in range(len(units) - 1, -1, -1):
        left -= units[i].tokens
        if left < 0:
            return i + 1
    return 0


def _roundness(units: Sequence[Unit], i: int) -> int:
    """The most factors of two of any seq behind the unit before, up to this one."""
    last = units[i].first
    first = _before(units, i) + 1
    power = 0
    while (last >> (power + 1)) << (power + 1) >= first:
        power += 1
    return power


def _before(units: Sequence[Unit], i: int) -> int:
    """The seq of the place before at which a window could begin."""
    for j in range(i - 1, -1, -1):
        if units[j].begins_turn or not units[i].begins_turn:
            return units[j].first
    return units[i].first - 1
