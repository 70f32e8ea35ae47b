"""What stands in a line: when, how important, whose request, what; never what contexts hold.

Messages are ours. Libraries other than the HTTP server may quote what was sent, so of theirs
only the place is told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from functools import lru_cache
from typing import Any, Final

import orjson

from backstory import clock, limits
from backstory.domain.principals import Principal
from backstory.observability.logs import exceptions
from backstory.ports.hooks import served

Line = dict[str, Any]
Form = Callable[[Line], bytes]
Hash = Callable[[str, str], str]
"""A keyed hash of a tenant and a subject."""

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "color_message",
    "taskName",
}
_NAMES: Final = frozenset({"namespace", "path", "name"})
"""Never told: they are chosen by callers, and often hold a subject."""
_UNTOLD: Final = _OWN | _NAMES
_TRUSTED: Final = ("backstory", "uvicorn")
"""Whose messages are shown: they quote nothing."""


class Callers:
    """Tells of a caller what a line may: its tenant, and its principal as a keyed hash.

    `hash` is known once the store is open, which keeps the key; until then nobody calls.
    """

    def __init__(self) -> None:
        self._hash: Hash | None = None

    def know(self, keyed: Hash) -> None:
        self._hash = lru_cache(limits.PRINCIPALS_KNOWN)(keyed)

    def told(self, principal: Principal | None) -> dict[str, str]:
        return {} if principal is None else self.named(principal.tenant, principal.subject)

    def named(self, tenant: str, subject: str) -> dict[str, str]:
        if not tenant or self._hash is None:
            return {}
        return {"tenant": tenant, "principal": self._hash(tenant, subject)}


CALLERS: Final = Callers()
"""Those of this process."""


def shaped(_logger: object, _method: str, told: MutableMapping[str, Any]) -> Line:
    """A line of the standard library's logging (a processor of structlog)."""
    record: logging.LogRecord = told["_record"]
    line: Line = {
        "at": clock.to_text(int(record.created * clock.SECOND)),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": _message(record, told["event"]),
    }
    if (request := served()) is not None:
        line["trace_id"] = request.trace_id
        line |= CALLERS.told(request.principal)
    line |= {name: value for name, value in vars(record).items() if name not in _UNTOLD}
    exc_info = told.get("exc_info")
    if exc_info and exc_info[1] is not None:
        line["exception"] = exceptions.told(exc_info[1])
    return line


def _message(record: logging.LogRecord, message: str) -> str:
    if record.name.partition(".")[0] in _TRUSTED:
        return message
    return f"a message of {record.name}, line {record.lineno} of {record.module}"


def as_json(line: Line) -> bytes:
    return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS)


def for_people(line: Line) -> bytes:
    """The form for terminals: the level, the place, the message, then what else there is."""
    rest = {name: value for name, value in line.items() if name not in _SHOWN}
    more = "".join(f" {name}={_plain(value)}" for name, value in rest.items())
    text = f"{line['level'].upper():<7} {line['logger']}: {line['message']}{more}"
    if "exception" in line:
        text += f"\n{line['exception']}"
    return text.encode(errors="backslashreplace")


_SHOWN: Final = frozenset({"at", "level", "logger", "message", "exception"})


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)
