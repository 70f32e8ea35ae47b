"""Keeping long work off the event loop: a small window is made faster than a thread is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, ParamSpec, TypeVar

from backstory import limits
from backstory.domain.entries import Entry

P = ParamSpec("P")
T = TypeVar("T")

_EACH: Final = 128  # bytes that take as long as an entry does, however short it is


def weight(entries: Sequence[Entry]) -> int:
    """How much work the entries are, in bytes of text."""
    return _EACH * len(entries) + sum([len(entry.content) for entry in entries])


async def run(heavy: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the work comes to; in a thread, where `heavy` is over `limits.RENDER_INLINE_BYTES`."""
    if heavy <= limits.RENDER_INLINE_BYTES:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
