"""Rows on their way to the server, put together so that few journeys are needed.

Statements over `unnest()` write rows of tables that do not touch each other: any number of
them, with any number of rows each, go in one statement. Whatever else is written keeps its
place: it goes after what came before it and before what comes after.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from backstory.storage.postgres.encoding import QUERIES

_PARAMETER = re.compile(r"\$(\d+)")
_KEYED = {
    QUERIES.set_context: 2,
    QUERIES.add_context: 2,
    QUERIES.set_state: 2,
    QUERIES.set_counter: 1,
    QUERIES.add_idempotency: 2,
    QUERIES.count_state_word: 3,
    QUERIES.add_upload: 4,
}
"""How many parameters name the row; of two that name the same, the later counts."""

Params = tuple[Any, ...]


@dataclass(slots=True)
class Stage:
    """What may go at once: rows by statement and key, or one statement again and again."""

    rows: dict[str, dict[Any, Params]] = field(default_factory=dict)
    again: tuple[str, list[Params]] | None = None


class Pending:
    """What was written and not yet sent."""

    def __init__(self) -> None:
        self._stages: list[Stage] = []

    def __bool__(self) -> bool:
        return bool(self._stages)

    def add(self, sql: str, params: Params) -> bool:
        """Take a row or a statement in; whether it may change what other queries find."""
        last = self._stages[-1] if self._stages else None
        if "unnest(" in sql:
            if last is None or last.again is not None:
                last = Stage()
                self._stages.append(last)
            rows = last.rows.setdefault(sql, {})
            size = _KEYED.get(sql)
            rows[len(rows) if size is None else params[:size]] = params
            return False
        if last is None or last.again is None or last.again[0] != sql:
            self._stages.append(Stage(again=(sql, [params])))
        else:
            last.again[1].append(params)
        return True

    def has(self, sql: str, key: Params) -> bool:
        """Whether a row of that key waits in what is sent next to be added to."""
        last = self._stages[-1] if self._stages else None
        return last is not None and key in last.rows.get(sql, ())

    def take(self) -> list[Stage]:
        """All of it, to be sent in this order."""
        stages, self._stages = self._stages, []
        return stages


def alone(stages: Sequence[Stage], first: str, last: str) -> str | None:
    """One statement for all that was written, between two others; None where it takes several.

    The parameters are those of `first`, then those that `columns` gives.
    """
    if len(stages) > 1 or any(stage.again is not None for stage in stages):
        return None
    rows = tuple(stages[0].rows) if stages else ()
    return _between(first, rows, last)


def columns(stages: Sequence[Stage]) -> list[list[Any]]:
    """The parameters of all rows: a list for each column."""
    return [
        list(column)
        for stage in stages
        for rows in stage.rows.values()
        for column in zip(*rows.values(), strict=True)
    ]


@lru_cache(maxsize=512)
def _between(first: str, parts: tuple[str, ...], last: str) -> str:
    return f"WITH {_named((first, *parts))} {last}"


def combined(stage: Stage) -> tuple[str, list[list[Any]]]:
    """One statement for all rows of a stage, with its parameters: a list for each column."""
    return _statement(tuple(stage.rows)), columns([stage])


@lru_cache(maxsize=512)
def _statement(parts: tuple[str, ...]) -> str:
    if len(parts) == 1:
        return parts[0]
    return f"WITH {_named(parts)} SELECT"


def _named(parts: tuple[str, ...]) -> str:
    return ", ".join(f"w{number} AS ({sql})" for number, sql in enumerate(_renumbered(parts)))


def _renumbered(parts: Sequence[str]) -> Iterator[str]:
    """Each statement with its parameters behind those of the statements before it."""
    before = 0
    for sql in parts:
        yield _PARAMETER.sub(partial(_moved, before), sql)
        before += max(int(number) for number in _PARAMETER.findall(sql))


def _moved(by: int, parameter: re.Match[str]) -> str:
    return f"${int(parameter[1]) + by}"
