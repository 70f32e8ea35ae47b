"""Heads that came before on a connection, each with what is read in it and answers it.

A client sends the same head again and again, to the letter: what was read in it once is true of
it each time. Only requests that were answered at once are kept (`edge.at_once`).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from backstory import limits
from backstory.transports.edge.at_once import Ready

_END: Final = b"\r\n\r\n"


class Head(NamedTuple):
    """What was read in it: the scope, before anybody added to it, and how long a body follows."""

    scope: dict[str, Any]
    body_bytes: int
    ready: Ready


class Room:
    """How many heads the connections of a process may still keep."""

    left = limits.HEADS_KEPT


class Heads:
    """Those of one connection."""

    __slots__ = ("_kept", "_room")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._kept: dict[bytes, Head] = {}

    def __bool__(self) -> bool:
        return bool(self._kept)

    def find(self, data: bytes) -> tuple[Head, bytes] | None:
        """The head that begins what has come, and the body; None unless that is one request."""
        size = data.find(_END) + len(_END)
        head = self._kept.get(data[:size])
        if head is None or len(data) != size + head.body_bytes:
            return None
        return head, data[size:]

    def keep(self, data: bytes, head: Head) -> None:
        """Keep it, where what has come is that head and its body, and there is room."""
        size = len(data) - head.body_bytes
        if size > limits.HEAD_KEPT_BYTES or data.find(_END) != size - len(_END):
            return
        raw = data[:size]
        if raw not in self._kept and not self._makes_room():
            return
        self._kept[raw] = head

    def _makes_room(self) -> bool:
        """Whether there is room for one more, the oldest going where there are many."""
        if len(self._kept) >= limits.HEADS_EACH:
            del self._kept[next(iter(self._kept))]
        elif self._room.left <= 0:
            return False
        else:
            self._room.left -= 1
        return True

    def clear(self) -> None:
        self._room.left += len(self._kept)
        self._kept.clear()
