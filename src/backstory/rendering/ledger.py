"""The ledger: what became of each piece of each source, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

STATE: Final = "state"
ENTRIES: Final = "entries"
CONTENT: Final = "content"
ARGUMENTS: Final = "arguments"

KEPT: Final = "kept"
INSTRUCTS: Final = "instructs"
CUT: Final = "cut"
OLDER: Final = "older than the window"
TOO_LARGE: Final = "too long"
NO_ROOM: Final = "no room left"
NOT_ASKED: Final = "not asked for"
NOT_RELEVANT: Final = "not relevant"
SUMMARY: Final = "summary"
SUMMARISED: Final = "summarised by seq"
NOT_CARRIED: Final = "not in this format"

REASONS: Final = {
    KEPT: "it is in the window",
    INSTRUCTS: "its author had the right to instruct; it stands in the system slot",
    CUT: "head and tail are in the window, with a mark of the cut",
    OLDER: "newer entries filled the room; what is shown begins at a stable place",
    TOO_LARGE: "longer than all its room, where `oversize` is `drop` or too little would be left",
    NO_ROOM: "sources of a higher priority took the room",
    NOT_ASKED: "the request wants no entries of this source",
    NOT_RELEVANT: "no hit of the query, and no neighbour of one",
    f"{SUMMARISED} N": "the summary at seq N covers it and stands in front",
    SUMMARY: "it stands in for entries; only `summary_and_recent` shows it",
    "redacted": "the text was erased; a marker is left",
    "no message": "an entry of another type than `message`",
    "empty": "nothing in it that a model may see",
    "tool call without result": "providers refuse a call that nothing answers",
    NOT_CARRIED: "the format cannot carry a part of it",
}


def summarised_by(seq: int) -> str:
    """The reason of what a summary covers."""
    return f"{SUMMARISED} {seq}"


@dataclass(frozen=True, slots=True)
class Row:
    """One fate of pieces of a source. `seqs` are ranges, None for a state.

    `trust` and `tokens` are None where the pieces were not read.
    """

    source: str
    part: str
    kept: int
    dropped: int
    reason: str
    trust: str | None
    tokens: int | None
    seqs: list[list[int]] | None = None

    def view(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "part": self.part,
            "kept": self.kept,
            "dropped": self.dropped,
            "reason": self.reason,
            "trust": self.trust,
            "tokens": self.tokens,
            "seqs": self.seqs,
        }


def lost(source: str, seq: int, reason: str, trust: str) -> Row:
    """The row of an entry, or a part of one, that no message could be made of."""
    return Row(source, ENTRIES, 0, 1, reason, trust, 0, [[seq, seq]])


def spans(seqs: Iterable[int]) -> list[list[int]]:
    """Seqs as ranges, both ends included."""
    found: list[list[int]] = []
    for seq in sorted(seqs):
        if found and seq == found[-1][1] + 1:
            found[-1][1] = seq
        else:
            found.append([seq, seq])
    return found
