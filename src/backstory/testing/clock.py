"""A clock that stands until a test moves it."""

from __future__ import annotations

from backstory.clock import SECOND

START = 1_800_000_000 * SECOND


class FakeClock:
    """Tells the time a test has set, in microseconds since the Unix epoch."""

    def __init__(self, now: int = START) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def advance(self, *, seconds: float = 0, micros: int = 0) -> int:
        """Let time pass; returns the new present."""
        self._now += round(seconds * SECOND) + micros
        return self._now
