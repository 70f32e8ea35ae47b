"""The seam through which waiting code learns how time passes."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from backstory.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that only grow, sleeping, a number from 0 to 1, and a clock that tells dates."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    clock: Clock = field(default_factory=SystemClock)


REAL = Pace()
"""Time as it passes for everybody."""
