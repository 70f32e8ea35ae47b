"""Numbers of one store in another: of contexts and their logs, authors, voices, manifests, chunks.

Each store hands out its own: in one file they count across tenants, in a database for each tenant. Sixteen
bytes are remembered for each.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Any, Final

import orjson

from backstory.errors import BackupUnusableError
from backstory.storage.whole.lines import Row
from backstory.storage.whole.tables import COUNTED, Table

_SEQ_BITS: Final = 32
_HASH_BITS: Final = 24


class Renumbering:
    """Of one tenant."""

    def __init__(self) -> None:
        self._before = {kind: array("q") for kind in COUNTED}
        self._after = {kind: array("q") for kind in COUNTED}

    def learn(self, kind: str, before: int, after: int) -> None:
        """To be called in the order of the numbers before."""
        self._before[kind].append(before)
        self._after[kind].append(after)

    def row(self, table: Table, row: Row) -> Row:
        """The row with the numbers of the other store.

        Raises:
            BackupUnusableError: it names something that was never told of.
        """
        return tuple(
            value if not kind or value is None else self._value(kind, value)
            for kind, value in zip(table.kinds, row, strict=True)
        )

    def _value(self, kind: str, value: Any) -> Any:
        match kind:
            case "row":
                return self._above(value, _SEQ_BITS)
            case "hint":
                return self._above(value, _HASH_BITS)
            case "pieces":
                pieces = orjson.loads(value)
                return orjson.dumps([[self.number("context", log), *seqs] for log, *seqs in pieces])
            case _:
                return self.number(kind, value)

    def _above(self, value: int, bits: int) -> int:
        return self.number("context", value >> bits) << bits | value & ((1 << bits) - 1)

    def number(self, kind: str, before: int) -> int:
        """One number; raises as `row`."""
        place = bisect_left(self._before[kind], before)
        if place == len(self._before[kind]) or self._before[kind][place] != before:
            raise BackupUnusableError(
                f"the export names a {kind} that it does not tell of; nothing was imported"
            )
        return self._after[kind][place]
