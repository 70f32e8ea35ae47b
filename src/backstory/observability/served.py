"""One request while it is served: what it has come to, and its parts where it is recorded."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import msgspec

from backstory import limits
from backstory.domain.principals import Principal
from backstory.observability.steps import Timed
from backstory.ports.events import (
    OK,
    UNFORESEEN,
    Answered,
    Called,
    Ended,
    Origin,
    Part,
    Traced,
    hexadecimal,
)
from backstory.ports.hooks import SERVED, Request, new_span, new_trace

if TYPE_CHECKING:
    from backstory.observability.telling import Told

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
"""Stands for the method of a request that there is not, which is the caller's own word."""
NO_ROUTE: Final = "none"


class Served(msgspec.Struct, eq=False):
    """One request. Its `recorded` parts are kept until it is over.

    One is made for each request: as a structure, that costs a third of what a class would.
    """

    told: Told
    method: str
    begun: float
    route: str = NO_ROUTE
    coding: str = "identity"
    sent: int = 0
    stale: bool = False
    dropped: bool = False
    principal: Principal | None = None
    recorded: bool = False
    id: int = 0
    trace: int = 0
    status: int = 0
    code: str = OK
    origin: Origin | None = None
    clock: int = 0
    parts: list[Part] | None = None
    calls: tuple[Called, ...] = ()
    token: Token[Request | None] | None = None

    __repr__ = object.__repr__  # shows nothing of whoever calls

    # -- its trace ---------------------------------------------------------------------

    @property
    def trace_id(self) -> str:
        self.trace = self.trace or new_trace()
        return hexadecimal(self.trace)

    def begins(self, origin: Origin) -> None:
        self.origin, self.trace = origin, origin.trace
        if origin.recorded:
            self.id, self.recorded = self.id or new_span(), True
            self.clock = self.clock or time.time_ns()

    def caused(self, parent: str, state: str = "") -> None:
        starts, before = self.told.starts, self.origin
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
        parts = self.parts
        if parts is None:
            self.parts = [part]
        elif len(parts) < limits.TRACE_PARTS:
            parts.append(part)

    # -- its life ----------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self.told.counts:
            self.told.in_flight += 1
        self.token = SERVED.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del error, trace
        assert self.token is not None
        SERVED.reset(self.token)
        if kind is not None and self.code == OK:
            self.code = UNFORESEEN
        told = self.told
        if told.counts:
            told.in_flight -= 1
        if self.dropped:
            return
        if told.counts:
            told.sent[self.coding] = told.sent.get(self.coding, 0) + self.sent
            if self.stale:
                told.stale[self.route] = told.stale.get(self.route, 0) + 1
        if self.recorded or told.ended is not None:
            self._end(told)
        if len(told.waiting) >= told.most:
            told.drain()

    def _end(self, told: Told) -> None:
        self.trace = self.trace or new_trace()
        now = time.perf_counter()
        ended = Ended(
            self.method,
            self.route,
            self.status,
            self.code,
            now - self.begun,
            self.sent,
            self.coding,
            self.stale,
            self.trace,
            self.principal,
            self.calls,
            now,
        )
        if told.ended is not None:
            told.ended(ended)
        if self.recorded and self.origin is not None:
            end, self.recorded = self.clock + int(ended.seconds * 1e9), False
            parts = tuple(self.parts or ())
            told.tell(Traced(ended, self.origin, self.id, self.clock, end, parts))

    def routed(self, route: str) -> None:
        self.route = route

    def answered(self, status: int) -> None:
        self.status = status
        hear = self.told.answered
        if hear is not None:
            taken = time.perf_counter() - self.begun
            hear(Answered(self.method, self.route, status, self.code, taken))

    def failed(self, code: str) -> None:
        self.code = code

    def called(self, call: Called) -> None:
        self.calls = (*self.calls, call)
        self.told.tell(call)
