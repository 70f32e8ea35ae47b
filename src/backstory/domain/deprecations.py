"""What goes on for now, and will go: since when it is not to be used, until when it is there."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Days are those of UTC. `instead` is a sentence that says what to use; `about` is where more is said."""

    since: dt.date
    instead: str
    sunset: dt.date | None = None
    about: str = "/docs"

    def __post_init__(self) -> None:
        if self.sunset is not None and self.sunset < self.since:
            raise ValueError("nothing goes before it is announced (RFC 9745 section 4)")

    @property
    def sentence(self) -> str:
        """What people and models are told."""
        until = "" if self.sunset is None else f" and gone from {self.sunset} on"
        return f"Deprecated since {self.since}{until}: {self.instead}"
