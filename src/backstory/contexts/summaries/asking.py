"""What is wanted of a summary, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from backstory import limits
from backstory.domain.chains import Span


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller wants of a summary.

    `keep` of the newest entries stay whole (by default `limits.SUMMARY_KEEP_DEFAULT`, and none
    where `through` says up to which seq to go). `tokens` is the length to aim at. Where
    `least_entries` or `least_tokens` are given, nothing is done until one of them is reached.
    """

    keep: int | None = None
    tokens: int = limits.SUMMARY_TOKENS_DEFAULT
    through: int | None = None
    least_entries: int | None = None
    least_tokens: int | None = None

    @property
    def kept(self) -> int:
        if self.keep is not None:
            return self.keep
        return limits.SUMMARY_KEEP_DEFAULT if self.through is None else 0


@dataclass(frozen=True, slots=True)
class Summarised:
    """What came of it: `seq` None where nothing was to be covered, or not enough.

    `entries` and `tokens` are then what is waiting to be covered. `more` tells that the range
    goes on behind this summary.
    """

    version: int
    seq: int | None = None
    covers: Span | None = None
    summariser: str | None = None
    fallback: str | None = None
    more: bool = False
    replayed: bool = False
    entries: int = 0
    tokens: int = 0
