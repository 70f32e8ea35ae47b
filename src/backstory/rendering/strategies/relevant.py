"""`relevant`: what a search finds in one context, with what stands around it.

Hits are taken from the best on until the room is used, and shown in order, with a mark where
something between them is left out. The seqs that were found are remembered by the render's
id, since nobody can search in the past.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from backstory import limits
from backstory.domain.chains import Span, merge, subtract
from backstory.domain.entries import Entry
from backstory.ports.store import EntryQuery
from backstory.rendering import aside, ledger
from backstory.rendering.ledger import ENTRIES, Row
from backstory.rendering.logs import Fits, Log, Reads
from backstory.rendering.marks import noted
from backstory.rendering.messages import SYSTEM, USER, Message
from backstory.rendering.strategies.reading import BYTES, leading, sort, tokens
from backstory.rendering.strategies.strategy import Picked
from backstory.rendering.units import Unit, seqs_of

_MARGIN: Final = 4  # entries read beyond the neighbours, so that their units are whole
_FURTHER: Final = 64  # entries read to find the call of a result, or the results of a call
_CALLS: Final = (b'"tool', b'"function')


class Relevant:
    """Reads around each hit."""

    name = "relevant"
    meaning = "what a search for `query` finds, with `neighbours` (1) before and behind each hit"
    pinned = False
    searches = True

    async def gather(self, log: Log, reads: Reads, room: int) -> None:
        """The best hits that could fit, and the instructions that the log begins with."""
        if log.hits is None:
            found = await reads.finds.hits(reads.principal, log.key, log.query)
            log.hits = found[: log.most_hits]
        chain = log.view.chain
        begin = await leading(log, reads, limits.SEQ_MAX + 1)
        first = begin[-1].seq + 1 if begin else 1
        read: dict[int, Entry] = {}
        wanted: set[int] = set()
        runs: list[Span] = []
        taken: list[int] = []
        used = 0
        for seq in log.hits:
            if used > room:
                break
            taken.append(seq)
            if seq < first or chain.locate(seq) is None:
                continue
            around = range(max(first, seq - log.neighbours), seq + log.neighbours + 1)
            if all(each in read for each in around):
                run = [read[each] for each in around]
            else:
                run = await _run(log, reads, seq, room)
            if not run:  # erased meanwhile
                continue
            near = [each for each in run if abs(each.seq - seq) <= log.neighbours]
            new = [each for each in near if each.seq not in wanted]
            used += await aside.run(aside.weight(new), tokens, log, new, reads.cost)
            wanted.update(each.seq for each in near)
            runs.append((run[0].seq, run[-1].seq))
            read |= {each.seq: each for each in run if each.seq >= first}
        log.hits, log.runs = taken, merge(runs)
        heavy = aside.weight([*begin, *read.values()])
        await aside.run(heavy, _sort, log, reads, begin, read, wanted)

    def choose(self, log: Log, room: int, fits: Fits) -> Picked:
        """The best hits with their neighbours; a hit alone where those are too much."""
        picked = _best(log, room, fits)
        hits = set(log.hits or ())
        rest = [unit for i, unit in enumerate(log.turns) if i not in picked]
        found = [unit for unit in rest if not hits.isdisjoint(unit.seqs)]
        others = [unit for unit in rest if hits.isdisjoint(unit.seqs)]
        turns = _with_gaps(log, [picked[i] for i in sorted(picked)], fits)
        return Picked(turns, [(found, ledger.NO_ROOM), (others, ledger.NOT_RELEVANT)])

    def unread(self, log: Log) -> list[Row]:
        """What no hit is near to."""
        known = seqs_of([*log.instructions, *log.turns])
        known |= {
            seq for row in log.rows for first, last in row.seqs or () for seq in (first, last)
        }
        spans = subtract(log.view.chain.spans, ((seq, seq) for seq in known))
        count = sum(last - first + 1 for first, last in spans)
        if not count:
            return []
        seqs = [list(span) for span in spans]
        return [Row(log.name, ENTRIES, 0, count, ledger.NOT_RELEVANT, None, None, seqs)]


# -- reading -----------------------------------------------------------------------------


async def _run(log: Log, reads: Reads, seq: int, room: int) -> list[Entry]:
    """The entries around a hit, with whole units at both ends where they are not too long."""
    reach = log.neighbours + _MARGIN
    behind = await _page(log, reads, seq + 1, reach + 1, room, descending=True)
    while behind and behind[-1].role == "tool" and len(behind) < _FURTHER:
        more = await _page(log, reads, behind[-1].seq, reach, room, descending=True)
        if not more:
            break
        behind += more
    run = behind[::-1]
    run += await _page(log, reads, seq, reach, room)
    while run and _open(run[-1]) and len(run) < 2 * _FURTHER:
        more = await _page(log, reads, run[-1].seq, reach, room)
        if not more:
            break
        run += more
    return run


async def _page(
    log: Log, reads: Reads, seq: int, limit: int, room: int, *, descending: bool = False
) -> list[Entry]:
    """Some entries before a seq, or behind it."""
    query = EntryQuery(
        after=0 if descending else seq,
        before=seq if descending else limits.SEQ_MAX + 1,
        limit=limit,
        max_bytes=min(limits.PAGE_BYTES, max(4096, room * BYTES)),
        descending=descending,
    )
    return list((await reads.store.page(reads.tenant, log.view.chain, query)).entries)


def _open(entry: Entry) -> bool:
    """Whether results may follow that belong to it or stand beside it."""
    calls = entry.role == "assistant" and any(word in entry.content for word in _CALLS)
    return calls or entry.role == "tool"


def _sort(
    log: Log, reads: Reads, begin: Sequence[Entry], read: dict[int, Entry], wanted: set[int]
) -> None:
    """Units run by run; an instruction in the middle counts only where it is near a hit."""
    sort(log, begin, reads.cost)
    entries = [read[seq] for seq in sorted(read)]
    for _, run in groupby(entries, lambda entry: _run_of(log, entry.seq)):
        near = [each for each in run if each.seq in wanted or not _instructs(log, each)]
        sort(log, near, reads.cost)


def _instructs(log: Log, entry: Entry) -> bool:
    made, _ = log.reader.messages(entry)
    return any(message.role == SYSTEM for message in made)


def _run_of(log: Log, seq: int) -> int:
    """Which of the runs an entry was read in."""
    return bisect_right(log.runs, (seq, limits.SEQ_MAX))


# -- choosing ----------------------------------------------------------------------------


def _best(log: Log, room: int, fits: Fits) -> dict[int, Unit]:
    """The units that are shown, by their place in the log's."""
    places = {seq: i for i, unit in enumerate(log.turns) for seq in unit.seqs}
    runs = [_run_of(log, unit.first) for unit in log.turns]
    mark = fits.cost([_gap(log, limits.SEQ_MAX, limits.SEQ_MAX)])
    picked: dict[int, Unit] = {}
    left = room
    for seq in log.hits or ():
        hit = places.get(seq)
        if hit is None:
            continue
        around = range(max(0, hit - log.neighbours), min(len(runs), hit + log.neighbours + 1))
        group = [i for i in around if runs[i] == runs[hit] and i not in picked]
        for offer in (group, [hit] if hit in group else []):
            cost = sum(log.turns[i].tokens for i in offer) + (mark if picked else 0)
            if offer and cost <= left:
                picked |= {i: log.turns[i] for i in offer}
                left -= cost
                break
        else:
            if not picked and (fitted := fits.fitted(log.turns[hit], left)[0]) is not None:
                picked[hit] = fitted
                left -= fitted.tokens
    return picked


def _with_gaps(log: Log, turns: Sequence[Unit], fits: Fits) -> list[Unit]:
    """The units with a mark wherever entries between two of them are left out."""
    shown: list[Unit] = []
    for unit in turns:
        if shown:
            first, last = max(shown[-1].seqs) + 1, min(unit.seqs) - 1
            between = subtract([(first, last)] if first <= last else [], _silent(log))
            if any(any(log.view.chain.ascending(a - 1, b + 1)) for a, b in between):
                gap = _gap(log, first, last)
                shown.append(Unit([gap], fits.cost([gap])))
        shown.append(unit)
    return shown


def _silent(log: Log) -> Iterable[Span]:
    """Entries that say nothing to a model, so that none of them is missed."""
    return [(row.seqs[0][0], row.seqs[0][1]) for row in log.rows if row.seqs]


def _gap(log: Log, first: int, last: int) -> Message:
    """The mark for what is left out."""
    mark = log.reader.mark
    text = noted(mark, f"entries {first} to {last} are not shown")
    return Message(USER, ({"type": "text", "text": text},), mark, marked=True)
