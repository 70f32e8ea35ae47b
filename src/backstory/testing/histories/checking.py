"""The checker of histories: what was acknowledged is there once, and nothing else is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from backstory.testing.histories.findings import Fault, Finding
from backstory.testing.histories.history import History, Kept, Outcome, Truth, Write
from backstory.testing.histories.ordering import out_of_order
from backstory.testing.histories.watching import mistold


def check(history: History) -> tuple[Finding, ...]:
    """Everything in a history that must not be; empty where all promises were kept.

    Since every commit has a version, the one order in which all can have happened is known, so
    that this takes time in proportion to the history, and finds what it finds for certain.
    """
    return tuple(_findings(history))


def _findings(history: History) -> Iterator[Finding]:
    for context, truth in history.truth.items():
        yield from _gaps(context, truth)
    places = _places(history)
    yield from _writes(history, places)
    yield from _commits(history, places)
    yield from _counts(history)
    yield from out_of_order(history)
    yield from mistold(history)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a token was found."""

    version: int
    seq: int | None


_Places = dict[tuple[str, str], list[_Place]]


def _places(history: History) -> _Places:
    places: _Places = defaultdict(list)
    for context, truth in history.truth.items():
        for kept in truth.versions:
            for token, place in _tokens(kept):
                places[context, token].append(place)
    return places


def _tokens(kept: Kept) -> Iterator[tuple[str, _Place]]:
    for number, token in enumerate(kept.tokens):
        seq = kept.seqs[number] if number < len(kept.seqs) else None
        yield token, _Place(kept.version, seq)


def _gaps(context: str, truth: Truth) -> Iterator[Finding]:
    versions = [kept.version for kept in truth.versions]
    if versions != list(range(1, len(versions) + 1)):
        yield Finding(Fault.GAP, f"the versions of {context} are {_odd(versions)}")
    seqs = [seq for kept in truth.versions for seq in kept.seqs]
    if seqs != list(range(1, len(seqs) + 1)):
        yield Finding(Fault.GAP, f"the seqs of {context} are {_odd(seqs)}")


def _odd(numbers: list[int]) -> str:
    """Where a row of numbers first is not 1, 2, 3 and on."""
    at = next((n for n, number in enumerate(numbers, 1) if n != number), len(numbers))
    return f"{numbers[max(at - 3, 0) : at + 2]} around place {at}"


def _writes(history: History, places: _Places) -> Iterator[Finding]:
    known = {(write.context, write.token) for write in history.writes}
    for context, token in places.keys() - known:
        yield Finding(Fault.INVENTED, f"nobody wrote {token} to {context}")
    for write in history.writes:
        yield from _write(write, places.get((write.context, write.token), []))


def _write(write: Write, found: list[_Place]) -> Iterator[Finding]:
    about = f"{write.token} in {write.context} by {write.process}"
    if len(found) > 1:
        yield Finding(Fault.TWICE, f"{about}, at {found}")
    if write.outcome is Outcome.REFUSED and found:
        yield Finding(Fault.INVENTED, f"{about} was refused and is at {found}")
    if write.outcome is not Outcome.DONE:
        return
    told = _Place(write.version or 0, write.seq)
    if told not in found:
        yield Finding(Fault.LOST, f"{about} was told {told} and is at {found or 'no place'}")
    if write.condition is not None and write.version != write.condition + 1:
        detail = f"{about} became version {write.version} on condition of {write.condition}"
        yield Finding(Fault.UNEQUAL, detail)
    if write.replayed and Outcome.UNKNOWN not in write.attempts[:-1]:
        yield Finding(Fault.INVENTED, f"{about} was done by an attempt that said it was not")


def _commits(history: History, places: _Places) -> Iterator[Finding]:
    commits: dict[str, list[Write]] = defaultdict(list)
    for write in history.writes:
        if write.commit is not None:
            commits[write.commit].append(write)
    for commit, writes in commits.items():
        there = {(write.context, write.token) in places for write in writes}
        if len(there) > 1:
            yield Finding(Fault.TORN, f"of commit {commit} by {writes[0].process}")


def _counts(history: History) -> Iterator[Finding]:
    done = Counter(write.context for write in history.writes if write.outcome is Outcome.DONE)
    open_ = Counter(write.context for write in history.writes if write.outcome is Outcome.UNKNOWN)
    for context, truth in history.truth.items():
        least, most = done[context], done[context] + open_[context]
        if truth.count is not None and not least <= truth.count <= most:
            detail = f"{least} writes to {context} were accepted, and it counts {truth.count}"
            yield Finding(Fault.UNEQUAL, detail)
