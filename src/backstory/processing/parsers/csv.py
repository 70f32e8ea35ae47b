"""CSV (RFC 4180): rows of equal length, or an error with the lines of those that are not."""

from __future__ import annotations

import csv
import io
from typing import Final

from backstory import limits
from backstory.domain.keys import shorten
from backstory.errors import MalformedError, TooLargeError
from backstory.processing.parsers.results import Parameters, Table
from backstory.processing.parsers.text import decode

_DELIMITERS: Final = ",;\t|"
_SNIFFED_CHARS: Final = 4096
_NAMED: Final = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_RAGGED_SHOWN: Final = 20


def parse_csv(body: bytes, parameters: Parameters) -> Table:
    """The rows of a body; the first one names the columns unless `header=absent`.

    The delimiter is that of the parameter (one character, or tab, comma, semicolon, pipe),
    else the one that the first lines suggest, else a comma. Empty lines are passed over.

    Raises:
        MalformedError: a quote is never closed, or rows differ in length: `lines` names up
            to 20 of them, `line` the first.
        TooLargeError: over `limits.CSV_CELLS` in all or `limits.CSV_CELL_CHARS` in one.
    """
    text = decode(body, parameters)
    delimiter = _delimiter(text, parameters)
    rows, ragged = _rows(text, delimiter)
    if ragged:
        raise MalformedError(
            f"rows differ in length: {len(rows[0])} cells in the first, not in line "
            + ", ".join(map(str, ragged[:_RAGGED_SHOWN])),
            line=ragged[0],
            lines=ragged[:_RAGGED_SHOWN],
        )
    if parameters.get("header", "present").lower() == "absent" or not rows:
        return Table(None, tuple(rows), delimiter)
    return Table(rows[0], tuple(rows[1:]), delimiter)


def _rows(text: str, delimiter: str) -> tuple[list[tuple[str, ...]], list[int]]:
    """The rows, and the lines where those begin that are not as long as the first."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[str, ...]] = []
    ragged: list[int] = []
    cells, line = 0, 1
    try:
        for row in reader:
            cells += len(row) or 1
            _check_size(row, cells, line)
            if row:
                rows.append(tuple(row))
                if len(row) != len(rows[0]):
                    ragged.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        if "field larger" in str(error):
            raise _too_large("CSV_CELL_CHARS", line) from error
        raise MalformedError(f"not CSV: {error}, in the row of line {line}", line=line) from error
    return rows, ragged


def _check_size(row: list[str], cells: int, line: int) -> None:
    if cells > limits.CSV_CELLS:
        raise _too_large("CSV_CELLS", line)
    if any(len(cell) > limits.CSV_CELL_CHARS for cell in row):
        raise _too_large("CSV_CELL_CHARS", line)


def _too_large(limit: str, line: int) -> TooLargeError:
    return TooLargeError(
        f"line {line} passes the bound of {getattr(limits, limit)} ({limit})",
        limit=limit,
        line=line,
    )


def _delimiter(text: str, parameters: Parameters) -> str:
    said = parameters.get("delimiter")
    if said is not None:
        found = _NAMED.get(said.lower(), said)
        if len(found) != 1 or found in '"\r\n':
            raise MalformedError(f"the delimiter {shorten(said)} is no single character")
        return found
    try:
        return csv.Sniffer().sniff(text[:_SNIFFED_CHARS], _DELIMITERS).delimiter
    except csv.Error:
        return ","
