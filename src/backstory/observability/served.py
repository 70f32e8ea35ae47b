"""One request while it is served: what it has come to, and its parts where it is recorded."""

from __future__ import annotations

import time
from bisect import bisect_left
from contextlib import AbstractContextManager
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import msgspec

from backstory import limits
from backstory.domain.principals import Principal
from backstory.observability.catalogue import FAST
from backstory.observability.requests import BUCKETS, BYTES, SECONDS, UNTIMED
from backstory.observability.steps import Timed
from backstory.ports.events import (
    OK,
    UNFORESEEN,
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
    dropped: bool = False
    over: bool = False
    in_flight: bool = False
    route: str = NO_ROUTE
    coding: str = "identity"
    sent: int = 0
    stale: bool = False
    principal: Principal | None = None
    recorded: bool = False
    id: int = 0
    trace: int = 0
    status: int = 0
    code: str = OK
    origin: Origin | None = None
    clock: int = 0
    seen: list[float] | None = None
    weight: int | None = None
    parts: list[Part] | None = None
    calls: tuple[Called, ...] = ()
    token: Token[Request | None] | None = None

    __repr__ = object.__repr__  # shows nothing of whoever calls

    @property
    def timed(self) -> bool:
        return self.begun > 0

    # -- its trace ---------------------------------------------------------------------

    @property
    def trace_id(self) -> str:
        self.trace = self.trace or new_trace()
        return hexadecimal(self.trace)

    def begins(self, origin: Origin) -> None:
        self.origin, self.trace = origin, origin.trace
        if origin.recorded:
            self.id, self.recorded = self.id or new_span(), True
            self.begun = self.begun or time.perf_counter()
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
        if not self.dropped:
            requests = self.told.requests
            if requests is not None:
                requests.in_flight += 1
                self.in_flight = True
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
        if self.over or self.dropped:
            return
        told = self.told
        requests = told.requests
        if self.in_flight and requests is not None:
            requests.in_flight -= 1
        if told.deaf:
            return
        if kind is not None and self.code == OK:
            self.code = UNFORESEEN
        if self.seen is not None:
            self.seen[BYTES] += self.sent
        if self.recorded or told.ended is not None:
            self._over(told)

    def _over(self, told: Told) -> None:
        if self.weight is None:
            self.weight = self._weight(told, time.perf_counter() - self.begun)
        if self.recorded or self.weight:
            self._end(told, self.weight)
        if len(told.waiting) >= told.most:
            told.drain()

    def _weight(self, told: Told, seconds: float) -> int:
        """For how many requests this one is told of; 0: it is left out."""
        if told.ended is None:
            return 0
        if self.code != OK or not 100 <= self.status < 400 or self.stale or self.recorded:
            return 1
        if seconds >= limits.ACCESS_SLOW_SECONDS:
            return 1
        if self.calls and any(call.code != OK for call in self.calls):
            return 1
        told.well += 1
        if told.well < told.sample or not self.begun:
            return 0
        weight, told.well = told.well, 0
        return weight

    def _end(self, told: Told, weight: int) -> None:
        self.trace = self.trace or new_trace()
        now = time.perf_counter()
        ended = Ended(
            self.method,
            self.route,
            self.status,
            self.code,
            now - self.begun if self.begun else 0.0,
            self.sent,
            self.coding,
            self.stale,
            self.trace,
            self.principal,
            self.calls,
            now,
            weight,
        )
        if told.ended is not None and weight:
            told.ended(ended)
        if self.recorded and self.origin is not None:
            end, self.recorded = self.clock + int(ended.seconds * 1e9), False
            parts = tuple(self.parts or ())
            told.tell(Traced(ended, self.origin, self.id, self.clock, end, parts))

    def routed(self, route: str) -> None:
        self.route = route

    def answered(self, status: int) -> None:
        self.status = status
        requests = self.told.requests
        if requests is not None:
            taken = time.perf_counter() - self.begun
            answer = (self.route, self.method, status, self.coding)
            seen = self.seen = requests.answers.get(answer) or requests.first(answer)
            seen[BUCKETS + bisect_left(FAST, taken)] += 1
            seen[SECONDS] += taken
            if self.code != OK or self.stale:
                requests.uncommon(self.route, self.code, stale=self.stale)

    def whole(self, status: int, sent: int) -> None:
        self.status, self.sent = status, sent
        self.dropped, self.over = False, True
        told = self.told
        if told.deaf:
            return
        requests = told.requests
        taken = time.perf_counter() - self.begun if self.begun else 0.0
        if requests is not None:  # spelt out, since it is done for each request
            answer = (self.route, self.method, status, self.coding)
            seen = requests.answers.get(answer) or requests.first(answer)
            seen[BYTES] += sent
            if self.begun:
                seen[SECONDS] += taken
                seen[BUCKETS + bisect_left(FAST, taken)] += 1
            else:
                seen[UNTIMED] += 1
            for call in self.calls:
                requests.called(call, timed=self.timed)
            if self.code != OK or self.stale:
                requests.uncommon(self.route, self.code, stale=self.stale)
        if told.ended is None:
            self.over = not self.recorded
        elif self.begun or self.calls or self.code != OK:
            self.weight = self._weight(told, taken)
            self.over = not self.weight
        else:
            told.well += 1

    def failed(self, code: str) -> None:
        self.code = code

    def called(self, call: Called) -> None:
        self.calls = (*self.calls, call)
        requests = self.told.requests
        if requests is not None and not self.dropped:
            requests.called(call, timed=self.timed)
