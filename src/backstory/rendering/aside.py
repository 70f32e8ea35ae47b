"""Keeping long work off the event loop: a small window is made faster than a thread is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final, ParamSpec, TypeVar

from backstory import limits
from backstory.domain.entries import Entry
from backstory.rendering.units import Unit

P = ParamSpec("P")
T = TypeVar("T")

_EACH: Final = 128  # bytes that take as long as an entry does, however short it is
_OUTLINE: Final = 16  # bytes that take as long as a unit does of which there is only an outline
_COUNTED: Final = 96  # the same for an entry whose tokens are known, and
_BYTES: Final = 4  # so many of its bytes take as long as one that has to be counted
_CUT: Final = 2048  # bytes; longer ones may be counted all the same, to be cut


def weight(items: Sequence[Entry | Unit]) -> int:
    """How much work entries and units with outlines are, in bytes of text."""
    contents = [len(item.content) for item in items if isinstance(item, Entry)]
    return _EACH * len(contents) + sum(contents) + _OUTLINE * (len(items) - len(contents))


def counted(entries: Iterable[Entry]) -> int:
    """The same for entries that were chosen by their outline, so that nothing is counted anew."""
    sizes = [len(entry.content) for entry in entries]
    return sum([_COUNTED + size // _BYTES if size <= _CUT else _EACH + size for size in sizes])


async def run(heavy: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the work comes to; in a thread, where `heavy` is over `limits.RENDER_INLINE_BYTES`."""
    if heavy <= limits.RENDER_INLINE_BYTES:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
