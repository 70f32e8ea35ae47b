"""How often somebody may call: a token bucket, as one number.

A bucket holds `burst` tokens when full and gets `per_second` of them back. All there is to know
of one is when it will be full again: each token taken puts that off by `1 / per_second`. So a
bucket that is full is the same as one that nobody has heard of, and may be forgotten.

Times are whole microseconds, here as in the script that Redis runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` requests in the long run, both at least 1, and `burst` at once."""

    per_second: int
    burst: int
    each: int = field(init=False, repr=False, compare=False)
    """Microseconds until a token has come back, rounded up."""
    filling: int = field(init=False, repr=False, compare=False)
    """Microseconds that an empty bucket needs to become full."""

    def __post_init__(self) -> None:
        each = -(-SECOND // self.per_second)
        object.__setattr__(self, "each", each)
        object.__setattr__(self, "filling", each * self.burst)

    def lasting(self, tokens: int) -> int:
        """Microseconds until so many tokens have come back."""
        return tokens * self.each


class Taken(NamedTuple):
    """What came of asking for tokens: when the bucket is `full_at`, and the `wait`.

    `wait` is in microseconds; 0 where the tokens were given. After it they would be, if nobody
    else takes any.
    """

    full_at: int
    wait: int


def take(rate: Rate, full_at: int, now: int, tokens: int = 1) -> Taken:
    """Take tokens, at most `rate.burst`, or none of them."""
    then = max(full_at, now) + tokens * rate.each
    over = then - now - rate.filling
    return Taken(full_at, over) if over > 0 else Taken(then, 0)


def charge(rate: Rate, full_at: int, now: int, tokens: int) -> int:
    """When the bucket is full after tokens were taken from it, as many as there are."""
    then = max(full_at, now) + rate.lasting(tokens)
    return max(full_at, min(then, now + rate.filling))
