"""A window as it is answered, put together from what was assembled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from backstory.rendering.accounting import rows
from backstory.rendering.assembling import Assembled
from backstory.rendering.gathering import Gathered
from backstory.rendering.ledger import ENTRIES, NOT_CARRIED, Row, spans
from backstory.rendering.messages import Message

_BEGINNING: Final = 1  # turns that belong to the prefix


@dataclass(frozen=True, slots=True)
class Window:
    """What a model is given, and the ledger of choices."""

    input: Any
    total: int
    by_source: Mapping[str, int]
    counter: str
    exact: bool
    ledger: Sequence[Row]
    versions: Mapping[str, int]
    render_id: str
    prefix_hash: str
    form: str

    @property
    def tokens(self) -> dict[str, Any]:
        """What it costs, as it is answered."""
        return {
            "total": self.total,
            "by_source": dict(self.by_source),
            "counter": self.counter,
            "exact": self.exact,
        }

    def view(self) -> dict[str, Any]:
        """As it is answered."""
        return {
            "input": self.input,
            "tokens": self.tokens,
            "ledger": [row.view() for row in self.ledger],
            "versions": dict(self.versions),
            "render_id": self.render_id,
            "prefix_hash": self.prefix_hash,
        }


def digest_of(payload: Any) -> str:
    return hashlib.sha256(orjson.dumps(payload)).hexdigest()[:24]


def by_source_of(found: Sequence[Gathered], made: Assembled) -> dict[str, int]:
    tokens: dict[str, int] = {}
    for each, chosen in zip(found, made.chosen, strict=True):
        facts = [placed.unit for placed in chosen.facts if placed.unit]
        units = [*each.instructions, *facts, *chosen.front, *chosen.turns]
        tokens[each.name] = sum(unit.tokens for unit in units)
    return tokens


def ledger_of(found: Sequence[Gathered], made: Assembled) -> list[Row]:
    ledger = [
        row for each, chosen in zip(found, made.chosen, strict=True) for row in rows(each, chosen)
    ]
    names = {each.reader.mark: each.name for each in found}
    for message in made.written.lost:
        seqs = spans([message.seq]) if message.seq else None
        name, trust = names[message.mark], message.trust.word
        ledger.append(Row(name, ENTRIES, 0, 0, NOT_CARRIED, trust, None, seqs))
    return ledger


def prefix_hash_of(made: Assembled, form: str) -> str:
    """A hash of all that stands before the second turn: what a prompt cache may hold.

    It stays the same as long as the window begins with the same bytes.
    """
    content = made.content
    parts = [*content.instructions, *content.front, *content.turns[:_BEGINNING]]
    return hashlib.sha256(orjson.dumps([form, *map(_shown, parts)])).hexdigest()[:32]


def _shown(message: Message) -> list[Any]:
    return [message.role, list(message.parts)]
