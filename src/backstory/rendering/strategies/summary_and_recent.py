"""`summary_and_recent`: summaries in front, then the newest entries that none of them covers.

A summary is data, whoever wrote it, and stands between marks. The newest ones that do not
overlap are taken; without any, the strategy is `recent`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backstory import limits
from backstory.domain.chains import Chain, Piece, Span, merge, subtract
from backstory.domain.entries import Entry, text_of_content
from backstory.domain.summaries import Summary
from backstory.ports.store import EntryQuery, View
from backstory.rendering import aside, ledger
from backstory.rendering.ledger import ENTRIES, Row
from backstory.rendering.logs import Fits, Log, Reads
from backstory.rendering.marks import enclosed
from backstory.rendering.messages import USER, Message
from backstory.rendering.strategies.newest import newest
from backstory.rendering.strategies.reading import leading, sort
from backstory.rendering.strategies.recent import Recent, choose_newest
from backstory.rendering.strategies.strategy import Picked
from backstory.rendering.units import Unit


class SummaryAndRecent(Recent):
    """Reads the summaries, and from the newest entry back what they leave."""

    name = "summary_and_recent"
    meaning = "the newest summaries, then the newest entries that they do not cover"

    async def gather(self, log: Log, reads: Reads, room: int) -> None:
        """Summaries, instructions, and the newest entries beside them."""
        log.covers = await _standing(log, reads)
        if not log.covers:
            return await super().gather(log, reads, room)
        begin = await leading(log, reads, limits.SEQ_MAX + 1)
        held = [(seq, seq) for seq in (*(e.seq for e in begin), *(s.seq for s in log.covers))]
        log.rest = _without(log.view.chain, [*_spans(log.covers), *held])
        beside = replace(log, view=View(log.view.snapshot, log.rest))
        found = await newest(beside, reads, room)
        log.whole, log.unread, log.read = beside.whole, beside.unread, beside.read
        every = [*begin, *found]
        await aside.run(aside.weight(every), sort, log, every, reads.cost)
        return None

    def choose(self, log: Log, room: int, fits: Fits) -> Picked:
        """Summaries in half of the room at most, the newest first; entries in what is left."""
        front: list[Unit] = []
        lost: list[tuple[list[Unit], str]] = []
        left = room // 2
        for unit in reversed(log.front):
            fitted, reason = fits.fitted(unit, left)
            if fitted is None:
                lost.append(([unit], reason))
            else:
                front.insert(0, fitted)
                left -= fitted.tokens
        picked = choose_newest(log, room - sum(unit.tokens for unit in front), fits)
        return Picked(picked.turns, [*picked.dropped, *lost], front)

    def unread(self, log: Log) -> list[Row]:
        """What the summaries cover, and what is older than the newest beside them."""
        if log.rest is None:
            return super().unread(log)
        said = [(seq, seq) for unit in log.instructions for seq in unit.seqs]
        rows = [
            _row(log, subtract(_cut(log.view.chain, each), said), ledger.summarised_by(each.seq))
            for each in log.covers
        ]
        if not log.whole:
            rows.append(_row(log, subtract(log.rest.clip(log.unread).spans, said), ledger.OLDER))
        return [row for row in rows if row.dropped]


def _row(log: Log, spans: Sequence[Span], reason: str) -> Row:
    count = sum(last - first + 1 for first, last in spans)
    return Row(log.name, ENTRIES, 0, count, reason, None, None, [list(span) for span in spans])


def _cut(chain: Chain, summary: Summary) -> list[Span]:
    """The visible entries that a summary covers."""
    pieces = chain.ascending(summary.first - 1, summary.last + 1)
    return [(piece.first, piece.last) for piece in pieces]


async def _standing(log: Log, reads: Reads) -> list[Summary]:
    """The newest summaries that do not overlap, in order; their units are put in front."""
    chain = log.view.chain
    found = await reads.store.summaries(
        reads.tenant, chain, limits.SEQ_MAX + 1, limits.RENDER_SUMMARIES
    )
    standing: list[Summary] = []
    for each in found:
        if all(each.last < other.first or each.first > other.last for other in standing):
            query = EntryQuery(after=each.seq - 1, before=each.seq + 1, limit=1)
            page = await reads.store.page(reads.tenant, chain, query)
            log.weight += aside.weight(page.entries)
            made = [unit for entry in page.entries if (unit := _unit(log, reads, entry, each))]
            if made:
                standing.append(each)
                log.front += made
    log.front.sort(key=lambda unit: unit.first)
    return sorted(standing, key=lambda each: each.seq)


def _unit(log: Log, reads: Reads, entry: Entry, summary: Summary) -> Unit | None:
    """A summary as data between marks, whoever wrote it."""
    text = log.reader.guarded.text(text_of_content(entry.content))
    if not text.strip():
        return None
    trust = entry.author.trust
    about = f"{log.name} summary of entries {summary.first} to {summary.last} trust={trust.word}"
    part = {"type": "text", "text": enclosed(log.reader.mark, about, text)}
    message = Message(USER, (part,), log.reader.mark, entry.seq, trust, marked=True)
    return Unit([message], reads.cost([message]), {entry.seq})


def _spans(summaries: Sequence[Summary]) -> list[Span]:
    return [(each.first, each.last) for each in summaries]


def _without(chain: Chain, spans: Sequence[Span]) -> Chain:
    """The chain without some of its entries."""
    return Chain(
        tuple(
            Piece(piece.log, first, last)
            for piece in chain.pieces
            for first, last in subtract([(piece.first, piece.last)], merge(spans))
        )
    )
