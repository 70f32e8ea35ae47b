"""From what was chosen to the rows of the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.domain.principals import Trust
from backstory.rendering import ledger
from backstory.rendering.assembling import Chosen
from backstory.rendering.gathering import Gathered
from backstory.rendering.ledger import ENTRIES, STATE, Row, spans
from backstory.rendering.units import Unit, seqs_of


def rows(each: Gathered, chosen: Chosen) -> list[Row]:
    """What became of all that one source has."""
    found = _instruction_rows(each)
    for placed in chosen.facts:
        fact, kept = placed.fact, placed.unit is not None
        tokens = (placed.unit or fact.unit).tokens
        trust = fact.trust.word
        found.append(
            Row(each.name, fact.part, int(kept), int(not kept), placed.reason, trust, tokens)
        )
    original = {unit.first: unit for unit in (*each.front, *each.turns)}
    whole: list[Unit] = []
    cut: list[Unit] = []
    for unit in (*chosen.front, *chosen.turns):
        if unit.seqs:  # and no mark of the renderer's own
            (whole if original.get(unit.first) is unit else cut).append(unit)
    found += _unit_rows(each, whole, ledger.KEPT, kept=True)
    found += _unit_rows(each, cut, ledger.CUT, kept=True)
    for units, reason in chosen.dropped:
        found += _unit_rows(each, units, reason, kept=False)
    found += _merged(each.rows)
    return found + each.strategy.unread(each)


def _instruction_rows(each: Gathered) -> list[Row]:
    found: list[Row] = []
    for unit in each.instructions:
        trust = unit.trust.word
        part = ENTRIES if unit.seqs else STATE
        seqs = spans(unit.seqs) if unit.seqs else None
        found.append(Row(each.name, part, 1, 0, ledger.INSTRUCTS, trust, unit.tokens, seqs))
    return found


def _unit_rows(each: Gathered, units: Sequence[Unit], reason: str, *, kept: bool) -> list[Row]:
    """A row for each trust; a unit counts for that of its first message."""
    found: list[Row] = []
    by_trust: dict[Trust, list[Unit]] = {}
    for unit in units:
        by_trust.setdefault(unit.trust, []).append(unit)
    for trust, same in sorted(by_trust.items(), key=_trust):
        seqs = seqs_of(same)
        found.append(
            Row(
                each.name,
                ENTRIES,
                len(seqs) if kept else 0,
                0 if kept else len(seqs),
                reason,
                trust.word,
                sum(unit.tokens for unit in same),
                spans(seqs),
            )
        )
    return found


def _trust(pair: tuple[Trust, list[Unit]]) -> Trust:
    return pair[0]


def _merged(rows: Sequence[Row]) -> list[Row]:
    """Entries of one fate in one row."""
    found: list[Row] = []
    for reason, trust in sorted({(row.reason, row.trust or "") for row in rows}):
        seqs = {span[0] for row in rows for span in row.seqs or [] if _is(row, reason, trust)}
        name = rows[0].source
        found.append(Row(name, ENTRIES, 0, len(seqs), reason, trust, 0, spans(seqs)))
    return found


def _is(row: Row, reason: str, trust: str) -> bool:
    return row.reason == reason and row.trust == trust
