"""Whether all can have happened at one moment each, between its begin and its end.

A version is a place in the life of its context, and each change has one in the change log. With these the
order is known, so one sweep through time decides: what had ended when another began has to lie
before it.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf

from backstory.testing.histories.findings import Fault, Finding
from backstory.testing.histories.history import History, Outcome, Read, Truth, Write


def out_of_order(history: History) -> Iterator[Finding]:
    """Reads that are wrong or old, and writes that took effect too early."""
    events: dict[str, list[_Event]] = defaultdict(list)
    log: list[_Event] = []
    positions = {change: at for at, change in enumerate(history.stream, 1)}
    for write in history.writes:
        version = _version(write, history.truth.get(write.context))
        if version is not None:
            events[write.context].append(_Event.of_write(write, version))
            position = positions.get((write.context, version))
            if position is not None:
                log.append(_Event.of_write(write, position))
    held = {context: _newest(truth) for context, truth in history.truth.items()}
    for read in history.reads:
        yield from _wrong(read, held)
        if not read.stale:
            events[read.context].append(
                _Event(read.begun, read.ended, read.version, read.process, None)
            )
    for context, of_one in events.items():
        yield from _sweep(context, of_one)
    yield from _sweep("the change log", log)


@dataclass(frozen=True, slots=True)
class _Event:
    """`at` is where it lies in the order; only a write has a token."""

    begun: float
    ended: float
    at: int
    process: str
    token: str | None

    @classmethod
    def of_write(cls, write: Write, at: int) -> _Event:
        """One whose outcome nobody told may take effect at any time, but not before it began."""
        ended = write.ended if write.outcome is Outcome.DONE else inf
        return cls(write.begun, ended, at, write.process, write.token)

    def __str__(self) -> str:
        what = "read" if self.token is None else f"wrote {self.token}"
        return f"{self.process} {what} at {self.at} ({self.begun:.6f} to {self.ended:.6f})"


def _version(write: Write, truth: Truth | None) -> int | None:
    """Where a write took effect: as it was told, or as it was found."""
    if write.outcome is Outcome.DONE or truth is None:
        return write.version
    return next((kept.version for kept in truth.versions if write.token in kept.tokens), None)


def _newest(truth: Truth) -> dict[int, str | None]:
    """The newest token at each version."""
    newest: dict[int, str | None] = {}
    token = None
    for kept in truth.versions:
        token = kept.tokens[-1] if kept.tokens else token
        newest[kept.version] = token
    return newest


def _wrong(read: Read, held: Mapping[str, Mapping[int, str | None]]) -> Iterator[Finding]:
    versions = held.get(read.context, {})
    if read.version not in versions or versions[read.version] != read.newest:
        there = versions.get(read.version, "nothing")
        detail = (
            f"{read.process} read {read.newest} at version {read.version} of {read.context}, "
            f"which held {there}"
        )
        yield Finding(Fault.WRONG, detail)


def _sweep(where: str, events: Iterable[_Event]) -> Iterator[Finding]:
    """Each event against the one that lies furthest of all that had ended when it began."""
    waiting: list[tuple[float, int, _Event]] = []
    furthest: _Event | None = None
    own: dict[str, _Event] = {}
    for number, event in enumerate(sorted(events, key=lambda event: event.begun)):
        while waiting and waiting[0][0] < event.begun:
            ended = heapq.heappop(waiting)[2]
            furthest = ended if furthest is None or ended.at > furthest.at else furthest
            mine = own.get(ended.process)
            own[ended.process] = ended if mine is None or ended.at > mine.at else mine
        yield from _compare(where, event, own.get(event.process), furthest)
        heapq.heappush(waiting, (event.ended, number, event))


def _compare(
    where: str, event: _Event, mine: _Event | None, furthest: _Event | None
) -> Iterator[Finding]:
    if event.token is not None:
        if furthest is not None and event.at <= furthest.at:
            yield Finding(Fault.DISORDERED, f"{where}: {event}, after {furthest}")
    elif mine is not None and event.at < mine.at:
        yield Finding(Fault.BACK, f"{where}: {event}, after {mine}")
    elif furthest is not None and event.at < furthest.at:
        yield Finding(Fault.STALE, f"{where}: {event}, after {furthest}")
