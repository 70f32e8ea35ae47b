"""Rows as JSON Lines, with an end by which they are known to be all.

    {"backstory": "history", "format": 1, "release": ..., "epoch": ..., "secret": ...}
    {"tenant": ..., "position": ..., "contexts": ..., "bytes": ...}
    {"table": "entries", "rows": [[...], ...]}        of the tenant above
    {"end": <lines before>, "sha256": <of them>}

Bytes are a list with one text in base64; nothing else is a list.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Final

import orjson

from backstory import __version__, limits
from backstory.errors import BackupUnusableError
from backstory.storage.whole.tables import TABLES, Table

_FORMAT: Final = 1
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """What is the whole store's: the life it was read in, and its secret."""

    epoch: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose rows follow, and how the tenant's counter stands."""

    tenant: str
    position: int
    contexts: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a table, in the order of their numbers."""

    table: Table
    rows: list[Row]


Part = Store | Tenant | Rows


class Lines:
    """Makes lines of parts."""

    def __init__(self) -> None:
        self._count, self._sum = 0, hashlib.sha256()

    def of(self, part: Part) -> bytes:
        match part:
            case Store():
                head = {"backstory": "history", "format": _FORMAT, "release": __version__}
                return self._line(head | {"epoch": part.epoch, "secret": _text(part.secret)})
            case Tenant():
                return self._line(asdict(part))
            case Rows():
                rows = [[_packed(value) for value in row] for row in part.rows]
                return self._line({"table": part.table.name, "rows": rows})

    def end(self) -> bytes:
        """The last line."""
        return self._line({"end": self._count, "sha256": self._sum.hexdigest()})

    def _line(self, members: dict[str, Any]) -> bytes:
        line = orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)
        self._count += 1
        self._sum.update(line)
        return line


def parts(file: BinaryIO, name: str) -> Iterator[Part]:
    """What the lines of a file say.

    Raises:
        BackupUnusableError: it is no export of a whole store, was cut short, or altered. What came
            before is not to be believed then.
    """
    count, found, ended = 0, hashlib.sha256(), False
    while line := file.readline(limits.IMPORT_ITEM_BYTES + 1):
        members = _members(line)
        if ended or (count == 0) != ("backstory" in members):
            raise _unusable(name, f"line {count + 1} is none of those")
        if "end" in members:
            if (members["end"], members.get("sha256")) != (count, found.hexdigest()):
                raise _unusable(name, "its lines were altered, or some are missing")
            ended = True
            continue
        count += 1
        found.update(line)
        try:
            yield _part(members)
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise _unusable(name, f"line {count} is none of those") from error
    if not ended:
        raise _unusable(name, "it was cut short: its last line is missing")


def _members(line: bytes) -> dict[str, Any]:
    try:
        members = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return members if isinstance(members, dict) else {}


def _part(members: dict[str, Any]) -> Part:
    if "table" in members:
        table = TABLES[members["table"]]
        rows = [tuple(map(_unpacked, row)) for row in members["rows"]]
        if any(len(row) != len(table.columns) for row in rows):
            raise ValueError
        return Rows(table, rows)
    if "tenant" in members:
        return Tenant(**members)
    if (members["backstory"], members["format"]) != ("history", _FORMAT):
        raise ValueError
    return Store(members["epoch"], base64.b64decode(members["secret"]))


def _unusable(name: str, why: str) -> BackupUnusableError:
    return BackupUnusableError(
        f"{name} is no whole export of `backstory export --history` ({why}); nothing was imported"
    )


def _packed(value: Any) -> Any:
    return [_text(value)] if isinstance(value, bytes) else value


def _unpacked(value: Any) -> Any:
    return base64.b64decode(value[0], validate=True) if isinstance(value, list) else value


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
