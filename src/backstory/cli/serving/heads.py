"""Headers that came before on a connection, and requests that come with them again.

A client sends the same headers with each request, to the letter; what was read in them once is
true of them each time. Only those of requests that were answered at once are kept
(`edge.at_once`), so that a request which begins with a plain line and goes on with one of them
needs no parser.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from backstory import limits
from backstory.transports.edge.at_once import Known

_LINE_END: Final = b"\r\n"
_END: Final = _LINE_END * 2
_PATH: Final = rb"/(?:[a-zA-Z0-9._~%-][a-zA-Z0-9._~%/-]*)?"
PLAIN_PATH: Final = re.compile(_PATH)
"""A target that is a path and nothing else."""
_LINE: Final = re.compile(rb"(GET|POST) (%b)(?:\?([a-zA-Z0-9._~%%=&,-]*))? HTTP/1\.1" % _PATH)
"""A first line that every parser reads alike."""


class Head(NamedTuple):
    """What was read in headers: the rest of the scope, and how long a body follows."""

    scope: dict[str, Any]
    body_bytes: int
    known: Known


class Room:
    """How many sets of headers the connections of a process may still keep."""

    left = limits.HEADS_KEPT


class Heads:
    """Those of one connection."""

    __slots__ = ("_kept", "_room")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._kept: dict[bytes, Head] = {}

    def __bool__(self) -> bool:
        return bool(self._kept)

    def find(self, data: bytes) -> tuple[dict[str, Any], bytes, Known] | None:
        """The scope and the body of what has come, and what its headers say.

        None unless it is one whole request with headers that came before.
        """
        begin = data.find(_LINE_END)
        end = data.find(_END, begin) + len(_END)
        head = self._kept.get(data[begin:end])
        if head is None or len(data) != end + head.body_bytes:
            return None
        said = _said(data[:begin])
        return None if said is None else ({**head.scope, **said}, data[end:], head.known)

    def keep(self, data: bytes, head: Head) -> None:
        """Keep its headers, where what has come is one request, and there is room."""
        begin, end = data.find(_LINE_END), len(data) - head.body_bytes
        raw = data[begin:end]
        if len(raw) > limits.HEAD_KEPT_BYTES or raw.find(_END) != len(raw) - len(_END):
            return
        if raw in self._kept or self._makes_room():
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


@lru_cache(limits.PATHS_KNOWN)
def _said(line: bytes) -> dict[str, Any] | None:
    """What a first line says in a scope; None where a parser has to look at it."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    method, path, query = found.groups()
    return {"method": method.decode("ascii"), **target(path, query)}


def target(raw: bytes, query: bytes | None) -> dict[str, Any]:
    """What a target says in a scope."""
    path = raw.decode("ascii")
    return {
        "path": unquote(path) if "%" in path else path,
        "raw_path": raw,
        "query_string": query or b"",
    }
