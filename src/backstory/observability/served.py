"""One request while it is served: what it has come to, and its parts where it is recorded."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from backstory import limits
from backstory.domain.principals import Principal
from backstory.observability.steps import Timed
from backstory.ports.events import OK, UNFORESEEN, Answered, Called, Ended, Origin, Part, Traced
from backstory.ports.hooks import SERVED, Request, new_span, new_trace

if TYPE_CHECKING:
    from backstory.observability.telling import Told

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
"""Stands for the method of a request that there is not, which is the caller's own word."""
NO_ROUTE: Final = "none"


class Served:
    """One request. Its `recorded` parts are kept until it is over."""

    __slots__ = (
        "_begun",
        "_calls",
        "_clock",
        "_code",
        "_method",
        "_origin",
        "_parts",
        "_status",
        "_token",
        "_told",
        "coding",
        "dropped",
        "id",
        "principal",
        "recorded",
        "route",
        "sent",
        "stale",
        "trace",
    )

    def __init__(self, told: Told, method: str) -> None:
        self._told, self._method = told, method
        self.route, self.coding, self.sent, self.stale = NO_ROUTE, "identity", 0, False
        self.principal: Principal | None = None
        self.recorded = self.dropped = False
        self.id = 0
        self._origin: Origin | None = None
        self.trace = 0
        self._status, self._code = 0, OK
        self._parts: list[Part] | None = None
        self._calls: list[Called] | None = None
        self._token: Token[Request | None] | None = None
        self._begun = time.perf_counter()
        self._clock = 0

    # -- its trace ---------------------------------------------------------------------

    @property
    def trace_id(self) -> str:
        self.trace = self.trace or new_trace()
        return f"{self.trace:032x}"

    def begins(self, origin: Origin) -> None:
        self._origin, self.trace = origin, origin.trace
        if origin.recorded:
            self.id, self.recorded = self.id or new_span(), True
            self._clock = self._clock or time.time_ns()

    def caused(self, parent: str, state: str = "") -> None:
        starts, before = self._told.starts, self._origin
        if starts is None:
            return
        origin = starts(parent, state, self.trace or new_trace())
        if not origin.parent:  # it was none
            return
        link = None
        if before is not None and before.parent:
            link = (before.trace, before.parent)
        self.recorded = False
        self.begins(
            Origin(origin.trace, origin.parent, origin.state, recorded=origin.recorded, link=link)
        )

    def part(self, name: str, of: str) -> AbstractContextManager[object]:
        return Timed(self, name, of)

    def add(self, part: Part) -> None:
        parts = self._parts
        if parts is None:
            self._parts = [part]
        elif len(parts) < limits.TRACE_PARTS:
            parts.append(part)

    # -- its life ----------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._told.in_flight += 1
        self._token = SERVED.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del error, trace
        assert self._token is not None
        SERVED.reset(self._token)
        told = self._told
        told.in_flight -= 1
        if self.dropped:
            return
        told.sent[self.coding] = told.sent.get(self.coding, 0) + self.sent
        if self.stale:
            told.stale[self.route] = told.stale.get(self.route, 0) + 1
        if kind is not None and self._code == OK:
            self._code = UNFORESEEN
        if self.recorded or Ended in told.wanted:
            self._end(told)

    def _end(self, told: Told) -> None:
        ended = Ended(
            self._method,
            self.route,
            self._status,
            self._code,
            time.perf_counter() - self._begun,
            self.sent,
            self.coding,
            self.stale,
            self.trace_id,
            self.principal,
            tuple(self._calls or ()),
            time.time_ns() // 1000,
        )
        told.tell(ended)
        if self.recorded and self._origin is not None:
            now, self.recorded = self._clock + int(ended.seconds * 1e9), False
            parts = tuple(self._parts or ())
            told.tell(Traced(ended, self._origin, self.id, self._clock, now, parts))

    def routed(self, route: str) -> None:
        self.route = route

    def answered(self, status: int) -> None:
        self._status = status
        told = self._told
        if Answered in told.wanted:
            taken = time.perf_counter() - self._begun
            told.tell(Answered(self._method, self.route, status, self._code, taken))

    def failed(self, code: str) -> None:
        self._code = code

    def called(self, call: Called) -> None:
        self._calls = [*(self._calls or ()), call]
        self._told.tell(call)
