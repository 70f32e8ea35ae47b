"""Whether the machine's clock goes right: against the database's, and never back."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from backstory import limits
from backstory.resilience.checking import Look

Told = Callable[[], Awaitable[float]]
"""The database's time, in seconds since the Unix epoch."""


class ClockWatch:
    """Looks now and then whether the clock went back, and by how much it is off.

    Time of day is compared with time that only grows: what the first lost went back.
    """

    def __init__(
        self,
        database: Told | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._now, self._monotonic = database, now, monotonic
        self._apart = now() - monotonic()
        self.skew = 0.0
        """Seconds that this machine is ahead of the database, as of the last look at both."""
        self.jumps = 0
        """How often the clock went back."""

    def look(self) -> None:
        """Notice a step back since the last look. Takes a microsecond."""
        apart = self._now() - self._monotonic()
        if apart < self._apart - limits.CLOCK_JUMP_SECONDS:
            self.jumps += 1
        self._apart = apart

    async def check(self) -> Look:
        """What is known of the clock now."""
        self.look()
        if self._database is not None:
            begun = self._now()
            theirs = await self._database()
            # The answer is as old as half of the way there and back.
            self.skew = (begun + self._now()) / 2 - theirs
        facts = {"skew_seconds": round(self.skew, 6), "jumps": self.jumps}
        if abs(self.skew) > limits.CLOCK_SKEW_SECONDS:
            ahead = "ahead of" if self.skew > 0 else "behind"
            detail = f"the clock is {abs(self.skew):.1f} s {ahead} the database's; set it by NTP"
            return Look("warning", detail, facts)
        if self.jumps:
            detail = "the clock has gone back since the start; let NTP slew it, not step it"
            return Look("warning", detail, facts)
        return Look(facts=facts)
