"""What is made of two colours: promote, wait or roll back, each with its reasons.

A look rolls back where chance alone would hardly show as much, promotes where it is shown that
the new colour is no worse by more than is allowed, and else waits. Both risks together are at
most `1 - confidence` over all looks: each of the comparisons of each look has its part of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from backstory import limits
from backstory.cli.rollout.measuring import Colour
from backstory.cli.rollout.shares import Share, chance_of_more, chance_of_worse, most, most_worse

QUANTILES: Final = {"median": 0.5, "slowest 5%": 0.95}
_COMPARISONS: Final = 4 + len(QUANTILES)  # failures and refusals, of all and of single routes


class Verdict(StrEnum):
    """What to do; the later, the stronger."""

    PROMOTE = "promote"
    WAIT = "wait"
    ROLL_BACK = "roll back"


_ORDER: Final = tuple(Verdict)


@dataclass(frozen=True, slots=True)
class Reason:
    """What one thing that was looked at speaks for. `numbers` are those of its sentence."""

    verdict: Verdict
    name: str
    detail: str
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is allowed. Rates are shares of one, not points."""

    least: int = limits.ROLLOUT_REQUESTS
    failed: float = limits.ROLLOUT_FAILED_POINTS / 100
    refused: float = limits.ROLLOUT_REFUSED_POINTS / 100
    slower: float = limits.ROLLOUT_SLOWER
    confidence: float = limits.ROLLOUT_CONFIDENCE / 100
    looks: int = limits.ROLLOUT_LOOKS

    @property
    def risk(self) -> float:
        """Of one comparison of one look."""
        return (1 - self.confidence) / (self.looks * _COMPARISONS)


def verdict(reasons: Iterable[Reason]) -> Verdict:
    """The strongest of them; nothing that was looked at promotes nothing."""
    found = [reason.verdict for reason in reasons]
    return max(found, key=_ORDER.index) if found else Verdict.WAIT


def judged(old: Colour, new: Colour, bounds: Bounds) -> list[Reason]:
    """What the counts of both speak for."""
    missing = [each for each in (old, new) if not each.nodes]
    if missing:
        return [
            Reason(Verdict.WAIT, "nodes", f"Prometheus knows no node with {each.selector}")
            for each in missing
        ]
    return [
        *_nodes(new),
        *_traffic(old, new, bounds),
        _failed(old, new, bounds),
        *_routes(old, new, bounds),
        _compared("refused", old.all.refused, new.all.refused, bounds.refused, bounds.risk),
        *_times(old, new, bounds),
    ]


def _nodes(new: Colour) -> Iterator[Reason]:
    if new.restarts >= limits.ROLLOUT_RESTARTS:
        told = f"nodes or workers of the new colour ended {new.restarts} times"
        yield Reason(Verdict.ROLL_BACK, "restarts", told, {"restarts": new.restarts})
    elif new.restarts:
        told = f"nodes or workers of the new colour that ended: {new.restarts}"
        yield Reason(Verdict.WAIT, "restarts", told, {"restarts": new.restarts})
    if new.up < new.nodes:
        told = f"{new.nodes - new.up} of {new.nodes} nodes of the new colour cannot be scraped"
        yield Reason(Verdict.WAIT, "nodes", told, {"up": new.up, "nodes": new.nodes})
    if new.away:
        told = f"the new colour does without: {', '.join(new.away)}"
        yield Reason(Verdict.WAIT, "dependencies", told, {"away": list(new.away)})


def _traffic(old: Colour, new: Colour, bounds: Bounds) -> Iterator[Reason]:
    for name, colour in (("old", old), ("new", new)):
        count = colour.all.failed.whole
        if count < bounds.least:
            told = f"the {name} colour answered {count:,} requests, {bounds.least:,} are needed"
            yield Reason(Verdict.WAIT, "traffic", told, {name: count, "needed": bounds.least})


def _failed(old: Colour, new: Colour, bounds: Bounds) -> Reason:
    found = _compared("failed", old.all.failed, new.all.failed, bounds.failed, bounds.risk)
    allowed = limits.ROLLOUT_UNWELL_POINTS / 100 + bounds.failed
    if found.verdict is Verdict.PROMOTE and new.all.failed.rate > allowed:
        told = f"{found.detail}; too many fail in both colours to tell which is worse"
        return Reason(Verdict.WAIT, "failed", told, found.numbers)
    return found


def _compared(name: str, old: Share, new: Share, allowed: float, risk: float) -> Reason:
    """Whether a larger share is worse in new, or shown not to be."""
    above = most_worse(old, new, risk)
    chance = chance_of_worse(old, new)
    told = f"{_share(new)} {name}, old {_share(old)}"
    numbers = _numbers(old, new) | {"chance": chance, "at_most_worse": above, "allowed": allowed}
    if chance < risk and new.rate - old.rate > allowed:
        return Reason(Verdict.ROLL_BACK, name, f"{told}: more than chance explains", numbers)
    told = f"{told}: worse by {_points(above)} points at most, {_points(allowed)} are allowed"
    fine = above <= allowed
    return Reason(Verdict.PROMOTE if fine else Verdict.WAIT, name, told, numbers)


def _routes(old: Colour, new: Colour, bounds: Bounds) -> Iterator[Reason]:
    """Single routes and tools that are worse; those that are not promote nothing."""
    least = limits.ROLLOUT_ROUTE_POINTS / 100
    both = sorted(old.answers.keys() & new.answers.keys())
    for name in both:
        then, now = old.answers[name], new.answers[name]
        for what, one, other, allowed in (
            ("failed", then.failed, now.failed, bounds.failed),
            ("refused", then.refused, now.refused, bounds.refused),
        ):
            found = _compared(what, one, other, max(allowed, least), bounds.risk / len(both))
            if found.verdict is Verdict.ROLL_BACK:
                yield replace(
                    found,
                    detail=f"{name}: {found.detail}",
                    numbers=found.numbers | {"route": name},
                )


def _times(old: Colour, new: Colour, bounds: Bounds) -> Iterator[Reason]:
    """By quantiles: of what is no slower than allowed, no larger share is above the bound."""
    for name, quantile in QUANTILES.items():
        before, now = old.quantile(quantile), new.quantile(quantile)
        bound = _above(old, before, bounds.slower)
        if bound is None:
            told = f"too slow or too few in the old colour to compare the {name}"
            yield Reason(Verdict.WAIT, "slow", told, {"quantile": quantile})
            continue
        yield _timed(name, quantile, new.slower_than(bound), (before, now, bound), bounds)


def _timed(
    name: str,
    quantile: float,
    slower: Share,
    times: tuple[float | None, float | None, float],
    bounds: Bounds,
) -> Reason:
    before, now, bound = times
    chance, above = chance_of_more(slower, 1 - quantile), most(slower, bounds.risk)
    told = f"{name} {_time(now)}, old {_time(before)}; {_share(slower)} took over {_time(bound)}"
    numbers = {"quantile": quantile, "old": before, "new": now, "bound": bound, "chance": chance}
    if chance < bounds.risk and slower.whole >= bounds.least:  # the first ones meet a cold node
        told = f"{told}: more than {bounds.slower:g} times as slow"
        return Reason(Verdict.ROLL_BACK, "slow", told, numbers)
    if above <= 1 - quantile:
        return Reason(Verdict.PROMOTE, "slow", told, numbers)
    told = f"{told}: too few to tell, it may be {above:.1%} of all"
    return Reason(Verdict.WAIT, "slow", told, numbers)


def _above(old: Colour, time: float | None, times: float) -> float | None:
    """The first bound of the histogram that so many times the old time does not exceed.

    The last one where there is none, which the old time itself does not exceed; None where it does.
    """
    if time is None:
        return None
    bounds = sorted(bound for bound in old.slower if bound != float("inf"))
    return next((bound for bound in bounds if bound >= time * times), bounds[-1])


def _numbers(old: Share, new: Share) -> dict[str, Any]:
    return {"old": [old.part, old.whole], "new": [new.part, new.whole]}


def _share(share: Share) -> str:
    return f"{share.part:,} of {share.whole:,} ({share.rate:.2%})"


def _points(rate: float) -> str:
    return f"{rate * 100:.2f}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "over all bounds"
    return f"{float(f'{seconds * 1000:.3g}'):,g} ms"  # three digits, and no exponent
