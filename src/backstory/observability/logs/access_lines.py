"""What the line about a request says: told in full, or, in JSON, of parts that recur."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from backstory import clock, limits
from backstory.observability.logs.lines import CALLERS, as_json
from backstory.ports.events import Ended

LOGGER: Final = "backstory.access"
MESSAGE: Final = "request"
LEVEL: Final = "info"
_FORMS: Final = {
    "<at>": "%s.%06dZ",
    "<trace>": "%032x",
    "<caller>": "%s",
    "<ms>": "%.3f",
    "<bytes>": "%d",
    "<more>": "%s",
}
_HEAD: Final = {"level": LEVEL, "logger": LOGGER, "message": MESSAGE}


def told(event: Ended, ahead: float) -> dict[str, Any]:
    """What stands in the line about a request; `ahead` is how far the clock is."""
    return {
        "at": clock.to_text(int((ahead + event.ended) * clock.SECOND)),
        **_HEAD,
        "trace_id": event.trace_id,
        **CALLERS.told(event.principal),
        **_outcome(event.method, event.route, event.status, event.code),
        "milliseconds": round(event.seconds * 1000, 3),
        "bytes": event.sent,
        "coding": event.coding,
        **_more(event),
    }


def _outcome(method: str, route: str, status: int, code: str) -> dict[str, Any]:
    return {"method": method, "route": route, "status": status, "code": code}


def _more(event: Ended) -> dict[str, Any]:
    """What few lines have."""
    more: dict[str, Any] = {"stale": True} if event.stale else {}
    if event.weight != 1:
        more["weight"] = event.weight
    for call in event.calls:
        more |= {"mcp_method": call.method, "tool": call.tool, "mcp_code": call.code}
    return more


class Quick:
    """The same in JSON, for a fifth of the cost: what recurs in lines is put together once."""

    def __init__(self) -> None:
        self._caller = lru_cache(limits.PRINCIPALS_KNOWN)(_caller)
        self._form = lru_cache(limits.ACCESS_KINDS)(_form)

    def __call__(self, events: Sequence[Ended], ahead: float) -> Iterator[str]:
        """A line for each, spelt out, since it is done for each request."""
        form_of, caller_of, whole, second = self._form, self._caller, -2, ""
        for event in events:
            at, who = ahead + event.ended, event.principal
            if not 0 <= at - whole < 1:
                whole = int(at)
                second = _second(whole)
            # The oldest way is the fastest, by half, for numbers of many digits.
            yield form_of(event.method, event.route, event.status, event.code, event.coding) % (
                second,
                (at - whole) * 1e6,
                event.trace,
                "" if who is None else caller_of(who.tenant, who.subject),
                event.seconds * 1e3,
                event.sent,
                "," + _inner(_more(event))
                if event.calls or event.stale or event.weight != 1
                else "",
            )


def _form(method: str, route: str, status: int, code: str, coding: str) -> str:
    """A line that lacks when it was, whose it was and how much."""
    head, outcome = _inner(_HEAD), _inner(_outcome(method, route, status, code))
    begin = f'{{"at":"<at>",{head},"trace_id":"<trace>",<caller>{outcome},'
    line = f'{begin}"milliseconds":<ms>,"bytes":<bytes>,{_inner({"coding": coding})}<more>}}'
    line = line.replace("%", "%%")
    for name, form in _FORMS.items():
        line = line.replace(name, form, 1)
    return line


def _inner(line: dict[str, Any]) -> str:
    return as_json(line).decode()[1:-1]


def _second(second: int) -> str:
    return clock.to_text(second * clock.SECOND).partition(".")[0]


def _caller(tenant: str, subject: str) -> str:
    told = CALLERS.named(tenant, subject)
    return f"{_inner(told)}," if told else ""
