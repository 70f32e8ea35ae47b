"""Reading JSON bodies: `domain.strict_json`, kept off the event loop where it may take long."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from backstory import limits
from backstory.domain.strict_json import loads

__all__ = ["INLINE_BYTES", "loads", "loads_aside"]

INLINE_BYTES: Final = 64 * limits.KIB
"""Longer bodies are read in a thread."""


async def loads_aside(body: bytes) -> Any:
    """`loads` that keeps a long body from holding up the event loop.

    Raises:
        MalformedError: as `loads`.
    """
    if len(body) <= INLINE_BYTES:
        return loads(body)
    return await asyncio.to_thread(loads, body)
