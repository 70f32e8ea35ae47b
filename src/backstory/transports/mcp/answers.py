"""How long an answer to a model may be, and how what is longer is cut.

An answer is measured as the longest of its usual spellings: JSON in ASCII with a space
behind each comma and colon. So it stays under `limits.MODEL_ANSWER_BYTES` whichever way a
transport or a client writes it down.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import orjson

from backstory import limits
from backstory.ports.staleness import Staleness

View = dict[str, Any]

BYTES: Final = limits.MODEL_ANSWER_BYTES
_RESERVE: Final = 512  # for what an answer says beside its items


def size(raw: bytes) -> int:
    """Bytes of JSON in its longest usual spelling, given in its shortest."""
    spaces = raw.count(b",") + raw.count(b":")
    if raw.isascii():
        return len(raw) + spaces
    text = raw.decode()
    plain = len(text.encode("ascii", "ignore"))
    units = len(text.encode("utf-16-le")) // 2
    return plain + 6 * (units - plain) + spaces


def weigh(view: Any) -> int:
    """`size` of what is not encoded yet."""
    return size(orjson.dumps(view))


def fits(view: Any) -> bool:
    """Whether it may be answered as it is."""
    return weigh(view) <= BYTES


def age(staleness: Staleness) -> View:
    """What `_meta` says of an answer from a copy: nothing, where it is true now."""
    if staleness.seconds is None:
        return {}
    return {"stale": True, "stale_seconds": staleness.seconds}


def room(*frames: Mapping[str, Any]) -> int:
    """Bytes that are left for items beside the frames they will stand in."""
    return BYTES - sum(map(weigh, frames)) - _RESERVE


@dataclass(frozen=True, slots=True)
class Packed:
    """Encoded items that fit, and how many of those given they are."""

    items: list[orjson.Fragment]
    count: int
    bytes: int


def pack(items: Iterable[Any], left: int) -> Packed:
    """As many of the items, in their order, as fit into the room."""
    kept: list[orjson.Fragment] = []
    used = 0
    for item in items:
        raw = orjson.dumps(item)
        taken = size(raw) + 2
        if used + taken > left:
            break
        used += taken
        kept.append(orjson.Fragment(raw))
    return Packed(kept, len(kept), used)


class Page(Protocol):
    """Items with the cursor behind them."""

    @property
    def items(self) -> Sequence[Any]: ...

    @property
    def next(self) -> str | None: ...


_Page = TypeVar("_Page", bound=Page)


async def fitting(
    read: Callable[[int], Awaitable[_Page]], limit: int, show: Callable[[Any], View], left: int
) -> tuple[_Page, Packed, bool]:
    """A page that fits, and whether it was shortened.

    A shorter page is read anew, since its cursor lies elsewhere.
    """
    shortened = False
    while True:
        page = await read(limit)
        packed = pack(map(show, page.items), left)
        if packed.count == len(page.items) or not packed.count:
            return page, packed, shortened
        limit, shortened = packed.count, True


def most(count: int, fitting: Callable[[int], bool]) -> int:
    """The largest number up to `count` that is fitting; 0 where none is."""
    low, high = 0, count
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fitting(middle) else (low, middle - 1)
    return low


def cut(text: str, offset: int, left: int) -> str:
    """The longest piece of the text, from a character on, that fits into the room as JSON."""
    piece = text[offset : offset + max(left, 0)]
    if weigh(piece) <= left:
        return piece
    return piece[: most(len(piece), lambda end: weigh(piece[:end]) <= left)]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a long text: where it begins, and where to go on (None at the end)."""

    text: str
    offset: int
    following: int | None
    length: int

    @classmethod
    def of(cls, text: str, offset: int, left: int) -> Piece:
        piece = cut(text, offset, left)
        end = offset + len(piece)
        return cls(piece, offset, end if end < len(text) else None, len(text))

    def view(self) -> View:
        return {"text": self.text, "offset": self.offset, "length": self.length}


def spans(found: Sequence[tuple[int, int]], count: int = 20) -> tuple[list[list[int]], bool]:
    """The first spans, and whether there are more."""
    return [list(span) for span in found[:count]], len(found) > count
