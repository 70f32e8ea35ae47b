"""Rows on their way to the server, put together so that few journeys are needed.

Statements over `unnest()` write rows of tables that do not touch each other: any number of
them, with any number of rows each, go in one statement. Whatever else is written keeps its
place: it goes after what came before it and before what comes after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
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
    QUERIES.mark_rights: 1,
}
"""How many parameters name the row; of two that name the same, the later counts."""

Params = tuple[Any, ...]
Late = Callable[[], Params]
"""Makes a row when it is sent."""


@dataclass(slots=True)
class Stage:
    """What may go at once: rows by statement and key, or one statement again and again."""

    rows: dict[str, dict[Any, Params | Late]] = field(default_factory=dict)
    again: tuple[str, list[Params]] | None = None


class Pending:
    """What was written and not yet sent."""

    def __init__(self) -> None:
        self._stages: list[Stage] = []

    def __bool__(self) -> bool:
        return bool(self._stages)

    def add(self, sql: str, params: Params) -> bool:
        """Take a row or a statement in; whether it may change what other queries find."""
        if _takes_rows(sql):
            rows = self._rows(sql)
            size = _KEYED.get(sql)
            rows[len(rows) if size is None else params[:size]] = params
            return False
        last = self._stages[-1] if self._stages else None
        if last is None or last.again is None or last.again[0] != sql:
            self._stages.append(Stage(again=(sql, [params])))
        else:
            last.again[1].append(params)
        return True

    def add_late(self, sql: str, key: Params, make: Late) -> None:
        """Take in a row that later ones of its key replace: only the last is made."""
        self._rows(sql)[key] = make

    def _rows(self, sql: str) -> dict[Any, Params | Late]:
        last = self._stages[-1] if self._stages else None
        if last is None or last.again is not None:
            last = Stage()
            self._stages.append(last)
        return last.rows.setdefault(sql, {})

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
        _sent(column)
        for stage in stages
        for rows in stage.rows.values()
        for column in zip(*(made(row) for row in rows.values()), strict=True)
    ]


def made(row: Params | Late) -> Params:
    return row if isinstance(row, tuple) else row()


def _sent(column: Params) -> list[Any]:
    """A column's values; none where all are NULL, for `unnest` fills up the shorter arrays."""
    return [] if column[0] is None and column.count(None) == len(column) else list(column)


@lru_cache(maxsize=512)
def _takes_rows(sql: str) -> bool:
    return "unnest(" in sql


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
