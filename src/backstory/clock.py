"""The seam through which all code learns the time.

Times are integers: microseconds since 1970-01-01T00:00:00Z. They become RFC 3339 text at
the edge only, by `to_text`, and are read from text by `from_text`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- in UTC; its text needs no offset cut off
_MICROSECOND = timedelta(microseconds=1)
_LATEST = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // _MICROSECOND


class Clock(Protocol):
    """Tells the time; a test may put a fake in its place (`backstory.testing.FakeClock`)."""

    def now(self) -> int:
        """The present, in microseconds since the Unix epoch."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        return time.time_ns() // 1000


def ahead() -> float:
    """By how many seconds the machine's clock is ahead of `time.perf_counter`, now."""
    return time.time() - time.perf_counter()


def to_text(micros: int) -> str:
    """RFC 3339 in UTC, always with six digits of fraction, so that text sorts like time."""
    seconds, rest = divmod(micros, SECOND)
    return f"{_second(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    """Most of what is told at a time is of the same second."""
    return (_NAIVE_EPOCH + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def from_text(text: str) -> int:
    """Microseconds of an RFC 3339 time.

    Raises:
        ValueError: it is not one, has no offset, or lies outside of 1970 to 9999.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset, such as 2026-01-31T12:00:00Z")
    micros = (moment - _EPOCH) // _MICROSECOND
    if not 0 <= micros <= _LATEST:
        raise ValueError("a time must lie between 1970 and 9999")
    return micros
