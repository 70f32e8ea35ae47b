"""Trying again what may pass by itself, in pauses that grow, as long as the answer is not due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from backstory.resilience.deadlines import remaining
from backstory.resilience.pace import REAL, Pace

T = TypeVar("T")

Again = Callable[[Exception], float | None]
"""Seconds that have to pass before another try, mostly 0; None where it would be no better."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """At most `tries`, pauses between them up to `least` seconds, then twice as much, up to `most`.

    A pause is a random part of that (full jitter), so that those who failed together do not
    come back together.
    """

    tries: int
    least: float
    most: float

    def pause(self, failures: int, chance: float) -> float:
        """Seconds after so many failures, from 1; `chance` is from 0 to 1."""
        return chance * min(self.most, self.least * 2.0 ** (failures - 1))


async def retried(
    attempt: Callable[[], Awaitable[T]],
    again: Again,
    backoff: Backoff,
    *,
    seconds: float,
    pace: Pace = REAL,
) -> T:
    """What an attempt comes to, the first that does not fail with what may pass.

    No attempt begins behind the deadline, nor later than `seconds` from now. The attempts
    themselves see to it that they end by then.

    Raises:
        Exception: the last attempt's.
    """
    ends = pace.now() + remaining(seconds, pace.now)
    failures = 0
    while True:
        try:
            return await attempt()
        except Exception as error:
            failures += 1
            least = again(error) if failures < backoff.tries else None
            if least is None:
                raise
            pause = max(least, backoff.pause(failures, pace.chance()))
            if pause >= ends - pace.now():
                raise
        await pace.sleep(pause)
