"""A circuit breaker: who is known to be away is not asked, but for one who looks.

Closed, everybody may ask. After some failures in a row it opens, and nobody may. A moment
later one caller is let through as a probe: if that goes well it closes, otherwise it stays
open for another moment.
"""

from __future__ import annotations

import enum
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from backstory import limits

logger = logging.getLogger(__name__)


class State(enum.Enum):
    """Whether callers are let through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to ask, to be given back with what came of it. A `probe` is the only one there is."""

    era: int
    probe: bool


Told = Callable[[str, State], None]
"""Hears the name of what is depended on, and `OPEN` or `CLOSED`, once for each change."""


def log(name: str, state: State) -> None:
    """One line for each change, however many callers it concerns."""
    if state is State.OPEN:
        logger.warning("the %s does not answer; it is asked again once in a while", name)
    else:
        logger.warning("the %s answers again", name)


class Breaker:
    """One for each thing that is depended on. For one event loop.

    Opens after `failures` in a row, lets a probe through after `seconds`.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = limits.BREAKER_FAILURES,
        seconds: float = limits.BREAKER_SECONDS,
        now: Callable[[], float] = time.monotonic,
        told: Told = log,
    ) -> None:
        self.name = name
        self.state = State.CLOSED
        self._most, self._seconds = failures, seconds
        self._now, self._told = now, told
        self._failures = 0
        self._probe_at = 0.0
        self._era = 0  # what was begun before a change says nothing about the time after it

    def enter(self) -> Pass | None:
        """Leave to ask; None where it is not to be asked now."""
        if self.state is State.CLOSED:
            return Pass(self._era, probe=False)
        if self.state is State.HALF_OPEN or self._now() < self._probe_at:
            return None
        self._become(State.HALF_OPEN)
        return Pass(self._era, probe=True)

    def leave(self, held: Pass, *, well: bool | None) -> None:
        """It went `well` or failed; None where that says nothing of what was asked."""
        if held.era != self._era:
            return
        if well:
            self._failures = 0
            if held.probe:
                self._become(State.CLOSED)
        elif well is None:
            if held.probe:  # the next caller looks
                self._become(State.OPEN)
        else:
            self._failures += 1
            if held.probe or self._failures >= self._most:
                self.trip()

    def trip(self) -> None:
        """Open: somebody is sure that it is away."""
        self._probe_at = self._now() + self._seconds
        if self.state is not State.OPEN:
            self._become(State.OPEN)

    @property
    def refuses(self) -> bool:
        """Whether `enter` would give no leave."""
        return self.state is State.HALF_OPEN or (
            self.state is State.OPEN and self._now() < self._probe_at
        )

    @property
    def retry_after(self) -> int:
        """Whole seconds, at least 1, after which it pays to ask again."""
        return max(1, math.ceil(self._probe_at - self._now()))

    def _become(self, state: State) -> None:
        told = State.CLOSED if self.state is State.CLOSED else State.OPEN
        self.state = state
        self._era += 1
        self._failures = 0
        if state is not State.HALF_OPEN and state is not told:
            self._told(self.name, state)
