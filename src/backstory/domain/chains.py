"""A context's entries as a chain of pieces of append-only logs.

A log belongs to the context that began it and has a small integer id. A fork's chain begins
with pieces of other logs, a restored context's has gaps where entries are hidden. Pieces
are in order of seq and never overlap: within one chain a seq names one entry.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from msgspec import Struct

Span = tuple[int, int]
"""Seqs from the first to the last, both included."""


class Piece(Struct, frozen=True):
    """The entries of one log whose seq is from `first` to `last`, both included."""

    log: int
    first: int
    last: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1


class Chain(Struct, frozen=True):
    """What a context shows of its logs at one version."""

    pieces: tuple[Piece, ...] = ()

    @property
    def count(self) -> int:
        return sum(piece.count for piece in self.pieces)

    @property
    def spans(self) -> tuple[Span, ...]:
        return merge((piece.first, piece.last) for piece in self.pieces)

    @property
    def logs(self) -> tuple[int, ...]:
        """Its logs, the newest first, each once."""
        return tuple(dict.fromkeys(piece.log for piece in reversed(self.pieces)))

    def locate(self, seq: int) -> int | None:
        """The log that holds the visible entry `seq`, or None."""
        at = bisect_left(self.pieces, seq, key=lambda piece: piece.last)
        if at < len(self.pieces) and self.pieces[at].first <= seq:
            return self.pieces[at].log
        return None

    def shows(self, log: int, seq: int) -> bool:
        return self.locate(seq) == log

    def clip(self, last: int) -> Chain:
        """The chain without what lies after seq `last`."""
        return Chain(
            tuple(
                piece if piece.last <= last else Piece(piece.log, piece.first, last)
                for piece in self.pieces
                if piece.first <= last
            )
        )

    def extend(self, log: int, first: int, last: int) -> Chain:
        """The chain with entries of `log` behind it, joined to the last piece where it fits."""
        if last < first:
            return self
        if self.pieces:
            end = self.pieces[-1]
            if end.log == log and end.last + 1 == first:
                return Chain((*self.pieces[:-1], Piece(log, end.first, last)))
        return Chain((*self.pieces, Piece(log, first, last)))

    def ascending(self, after: int, before: int) -> Iterator[Piece]:
        """The pieces between two seqs, both excluded, from the front."""
        start = bisect_left(self.pieces, after + 1, key=lambda piece: piece.last)
        for piece in self.pieces[start:]:
            if piece.first >= before:
                return
            yield _cut(piece, after, before)

    def descending(self, after: int, before: int) -> Iterator[Piece]:
        """The pieces between two seqs, both excluded, from the back."""
        stop = bisect_left(self.pieces, before, key=lambda piece: piece.first)
        for piece in reversed(self.pieces[:stop]):
            if piece.last <= after:
                return
            yield _cut(piece, after, before)


def _cut(piece: Piece, after: int, before: int) -> Piece:
    return Piece(piece.log, max(piece.first, after + 1), min(piece.last, before - 1))


def merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same seqs in order, in as few spans as will do."""
    merged: list[Span] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def difference(old: Chain, new: Chain) -> tuple[Span, ...]:
    """The seqs that name another entry, or one in only one of the two."""
    changed: list[Span] = []
    for log in {*old.logs, *new.logs}:
        before, after = (
            [(piece.first, piece.last) for piece in chain.pieces if piece.log == log]
            for chain in (old, new)
        )
        changed += subtract(before, after) + subtract(after, before)
    return merge(changed)


def subtract(spans: Iterable[Span], taken: Iterable[Span]) -> tuple[Span, ...]:
    """The seqs of `spans` that are in none of `taken`."""
    rest: list[Span] = []
    holes = merge(taken)
    for first, last in merge(spans):
        start = first
        for hole_first, hole_last in holes[bisect_left(holes, first, key=lambda h: h[1]) :]:
            if hole_first > last:
                break
            if hole_first > start:
                rest.append((start, hole_first - 1))
            start = hole_last + 1
        if start <= last:
            rest.append((start, last))
    return tuple(rest)
