"""What both stores ask before they are read or filled as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backstory import limits
from backstory.errors import ConflictError
from backstory.storage.whole.lines import Row


def look(*, keyed: bool, opened: bool, erasing: int) -> None:
    """Whether all of a store can be told. `opened`: also what is encrypted.

    Raises:
        ConflictError: it is encrypted, or something is still being erased.
    """
    if keyed and not opened:
        raise ConflictError(
            "the store is encrypted, and its lines would be clear text: say --decrypt if that is wanted, "
            "name its master_key, and guard the file; backups keep all of it encrypted"
        )
    if erasing:
        raise ConflictError("something is still being erased in the store; try again in a moment")


def pieces(rows: Iterator[Any]) -> Iterator[list[Row]]:
    """So many rows at a time that a line stays short."""
    some: list[Row] = []
    weight = 0
    for row in rows:
        some.append(tuple(row))
        weight += 16 + sum(len(value) for value in row if isinstance(value, bytes | str))
        if weight > limits.PAGE_BYTES or len(some) >= limits.PAGE_MAX:
            yield some
            some, weight = [], 0
    if some:
        yield some


def occupied(place: str) -> str:
    return (
        f"there are contexts at {place} already; a whole export goes into an empty store only: name "
        "another one with --store"
    )
