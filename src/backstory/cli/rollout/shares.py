"""How sure one may be that one share is larger than another: `part` of `whole` against another.

Exact where an alarm depends on it (Fisher's test, the binomial tail): they are right for three
failures as for three thousand. Where it is shown that something is no worse, Wilson's score bound
and Newcombe's interval of a difference made of two of them, which hold for shares near nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, lgamma, log, log1p, sqrt
from statistics import NormalDist
from typing import Final

_NOTHING: Final = 1e-18  # of a sum, below which what is left of a falling row changes nothing


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def rate(self) -> float:
        return self.part / self.whole if self.whole else 0.0

    def __add__(self, other: Share) -> Share:
        return Share(self.part + other.part, self.whole + other.whole)


NONE: Final = Share(0, 0)


def chance_of_worse(old: Share, new: Share) -> float:
    """How probable it is that chance alone gives `new` as large a share, or a larger one.

    Fisher's exact test, one-sided: of all that happened, what would fall to `new`.
    """
    if not old.whole or not new.whole or new.part * old.whole <= old.part * new.whole:
        return 1.0
    parts, whole = old.part + new.part, old.whole + new.whole
    others = whole - parts - new.whole
    first = exp(
        _ways(parts, new.part) + _ways(whole - parts, new.whole - new.part)
        - _ways(whole, new.whole)
    )  # fmt: skip

    def ratio(part: int) -> float:
        return (parts - part) * (new.whole - part) / ((part + 1) * (others + part + 1))

    return _tail(first, new.part, min(parts, new.whole), ratio)


def chance_of_more(found: Share, rate: float) -> float:
    """How probable as large a part is, or a larger one, where each is one at this rate."""
    if found.part <= found.whole * rate:
        return 1.0
    if rate <= 0:
        return 0.0
    odds = rate / (1 - rate)
    first = exp(
        _ways(found.whole, found.part)
        + found.part * log(rate)
        + (found.whole - found.part) * log1p(-rate)
    )
    return _tail(
        first, found.part, found.whole, lambda part: (found.whole - part) / (part + 1) * odds
    )


def most(share: Share, risk: float) -> float:
    """The rate that is not exceeded, but for a risk."""
    return _wilson(share, risk)[1]


def most_worse(old: Share, new: Share, risk: float) -> float:
    """By how much the rate of `new` is higher at most, but for a risk; 1 where nobody knows."""
    if not old.whole or not new.whole:
        return 1.0
    least, above = _wilson(old, risk)[0], _wilson(new, risk)[1]
    return new.rate - old.rate + sqrt((above - new.rate) ** 2 + (old.rate - least) ** 2)


def _wilson(share: Share, risk: float) -> tuple[float, float]:
    """With continuity correction, which errs on the safe side."""
    if not share.whole:
        return 0.0, 1.0
    z, n, rate = NormalDist().inv_cdf(1 - risk), share.whole, share.rate
    scale, middle = 2 * (n + z * z), 2 * n * rate + z * z
    below, above = 0.0, 1.0
    if share.part:
        width = z * sqrt(z * z - 2 - 1 / n + 4 * rate * (n * (1 - rate) + 1))
        below = max(0.0, (middle - 1 - width) / scale)
    if share.part < n:
        width = z * sqrt(z * z + 2 - 1 / n + 4 * rate * (n * (1 - rate) - 1))
        above = min(1.0, (middle + 1 + width) / scale)
    return below, above


def _tail(term: float, part: int, last: int, ratio: Callable[[int], float]) -> float:
    """The sum of a row that falls, from its first term on."""
    total = 0.0
    while term > total * _NOTHING:
        total += term
        if part == last:
            break
        term *= ratio(part)
        part += 1
    return min(1.0, total)


def _ways(whole: int, part: int) -> float:
    """The logarithm of the number of ways to choose."""
    return lgamma(whole + 1) - lgamma(part + 1) - lgamma(whole - part + 1)
