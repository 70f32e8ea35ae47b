"""Rows on their way to PostgreSQL, as they are put together."""

from __future__ import annotations

from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.pending import Pending, alone, columns

CONTEXT = (1, 7)


def entry(seq: int, metadata: bytes | None = None) -> tuple[object, ...]:
    return (1, seq, 1, 0, 1, b'"text"', metadata, None, None, None)


def sent(pending: Pending) -> list[list[object]]:
    return columns(pending.take())


def test_a_column_in_which_no_row_has_a_value_is_sent_without_any() -> None:
    pending = Pending()
    for seq in (1, 2):
        pending.add(QUERIES.add_entry, entry(seq))
    assert sent(pending) == [
        [1, 1],
        [1, 2],
        [1, 1],
        [0, 0],
        [1, 1],
        [b'"text"'] * 2,
        [],
        [],
        [],
        [],
    ]


def test_a_value_keeps_its_place_among_rows_without_one() -> None:
    pending = Pending()
    for seq, metadata in enumerate((None, b"{}", None)):
        pending.add(QUERIES.add_entry, entry(seq, metadata))
    assert sent(pending)[6] == [None, b"{}", None]


def test_of_a_row_that_is_written_again_and_again_only_the_last_is_made() -> None:
    pending, made = Pending(), []

    def late(version: int) -> tuple[object, ...]:
        made.append(version)
        return (*CONTEXT, version)

    for version in (1, 2, 3):
        pending.add_late(QUERIES.set_context, CONTEXT, lambda version=version: late(version))
    assert pending.has(QUERIES.set_context, CONTEXT)
    assert sent(pending) == [[1], [7], [3]]
    assert made == [3]


def test_a_row_that_comes_after_another_statement_goes_behind_it() -> None:
    pending = Pending()
    pending.add_late(QUERIES.set_context, CONTEXT, lambda: (*CONTEXT, 1))
    pending.add(QUERIES.drop_state, CONTEXT)
    pending.add_late(QUERIES.set_context, CONTEXT, lambda: (*CONTEXT, 2))
    stages = pending.take()
    assert [stage.again is None for stage in stages] == [True, False, True]
    assert columns(stages[2:]) == [[1], [7], [2]]
    assert alone(stages, QUERIES.take_counter, QUERIES.or_nothing) is None
