"""`ports.hooks.Hooks`: makes the frozen events, and hands each to whoever hears its kind.

A listener that fails is told of in the log and does no harm to what it was told of.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from functools import partial
from random import getrandbits
from types import TracebackType
from typing import Final, Self

from backstory import limits
from backstory.domain.principals import Principal
from backstory.errors import BackstoryError
from backstory.ports.events import (
    OK,
    UNFORESEEN,
    Answered,
    Called,
    Ended,
    Event,
    Origin,
    Part,
    Stepped,
    Traced,
)
from backstory.ports.hooks import (
    SERVED,
    Hear,
    Listener,
    Measure,
    Number,
    Numbers,
    RawHeaders,
    Request,
    new_span,
    new_trace,
    unmeasured,
)

logger = logging.getLogger(__name__)

Starts = Callable[[str, str, int], Origin]
"""Which trace a request belongs to that came with this `traceparent` and `tracestate`.

It is one of that number, where it begins here.
"""
_RATIO_BITS: Final = (1 << 64) - 1

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
"""Stands for the method of a request that there is not, which is the caller's own word."""
NO_ROUTE: Final = "none"

_PLACE: ContextVar[int] = ContextVar("backstory_place", default=0)
"""The part that is under way, below which others hang; 0: none but the request itself."""


class Told:
    """All that the server tells goes through one of these; `starts` begins traces."""

    def __init__(self, listeners: Iterable[Listener] = (), starts: Starts | None = None) -> None:
        self._hearing: dict[type[Event], Hear] = {}
        self._later: dict[type[Event], Hear] = {}
        self._waiting: deque[Event] = deque()
        self.wanted: set[type[Event]] = set()
        """The kinds that somebody hears, at once or later."""
        self._most = limits.EVENTS_WAITING
        self.starts = starts
        self.bound = 1 << 64
        """Traces that begin here are not recorded whose numbers' low 64 bits are not below it."""
        self.in_flight = 0
        """Requests under way. Counted on the event loop, as the next two."""
        self.sent: dict[str, int] = {}
        """Bytes of answers that went out, by their coding."""
        self.stale: dict[str, int] = {}
        """Answers from copies, by route."""
        self.standing: list[Numbers] = []
        for listener in listeners:
            self.listen(listener)

    def listen(self, listener: Listener) -> None:
        """Tell it, too, from now on."""
        for kind, hear in listener.hearing().items():
            first = self._hearing.get(kind)
            self._hearing[kind] = hear if first is None else _both(first, hear)
            self.wanted.add(kind)

    def listen_later(self, listener: Listener) -> None:
        """The same for one that can wait for `drain`, which costs those who tell a tenth."""
        for kind, hear in listener.hearing().items():
            first = self._later.get(kind)
            self._later[kind] = hear if first is None else _both(first, hear)
            self.wanted.add(kind)

    def drain(self) -> None:
        """Tell those who can wait what has gathered. From any thread."""
        waiting, later = self._waiting, self._later
        while waiting:
            try:
                event = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                later[event.__class__](event)
            except Exception:
                logger.exception("a listener failed at %s", type(event).__name__)

    def numbers(self) -> Iterator[Number]:
        """What has come of all requests so far."""
        yield "requests_in_flight", (), self.in_flight
        for coding, sent in self.sent.items():
            yield "answer_bytes", (coding,), sent
        for route, answers in self.stale.items():
            yield "stale_answers", (route,), answers

    def stands(self, numbers: Numbers) -> None:
        self.standing.append(numbers)

    def hears(self, kind: type[Event]) -> bool:
        return kind in self.wanted

    def tell(self, event: Event) -> None:
        kind = event.__class__
        if kind in self._later:
            self._waiting.append(event)
            if len(self._waiting) >= self._most:
                self.drain()
        if kind in self._hearing:
            _safely(self._hearing[kind], event)

    def request(self, method: str, headers: RawHeaders) -> AbstractContextManager[Request]:
        served = _Served(self, method if method in METHODS else OTHER)
        if self.starts is not None:
            trace = getrandbits(128) or 1
            if trace & _RATIO_BITS >= self.bound:  # spelt out, since it is done for each request
                for name, _ in headers:
                    if name == b"traceparent":
                        break
                else:
                    served.trace = trace
                    return served
            parent = state = ""
            for name, value in headers:
                if name == b"traceparent":
                    parent = value.decode("latin-1")
                elif name == b"tracestate":
                    state = (
                        f"{state},{value.decode('latin-1')}" if state else value.decode("latin-1")
                    )
            served.begins(self.starts(parent, state, trace))
        return served

    def steps(self, of: str) -> Measure:
        request = SERVED.get()
        if request is not None and request.recorded and isinstance(request, _Served):
            return partial(_RecordedStep, self, request, of, _PLACE.get() or request.id)
        return partial(_Step, self) if self.hears(Stepped) else unmeasured


def _safely(hear: Hear, event: Event) -> None:
    try:
        hear(event)
    except Exception:
        logger.exception("a listener failed at %s", type(event).__name__)


def _both(first: Hear, second: Hear) -> Hear:
    def hear(event: Event) -> None:
        _safely(first, event)
        _safely(second, event)

    return hear


class _Served:
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
        self.recorded = False
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
        return _Part(self, name, of)

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


class _Part:
    """A part of a recorded request; others that begin inside hang on it."""

    __slots__ = ("_begun", "_clock", "_name", "_of", "_request", "_token", "id")

    def __init__(self, request: _Served, name: str, of: str) -> None:
        self._request, self._name, self._of = request, name, of
        self.id = new_span()
        self._token: Token[int] | None = None
        self._clock, self._begun = 0, 0.0

    def __enter__(self) -> None:
        self._token = _PLACE.set(self.id)
        self._clock, self._begun = time.time_ns(), time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, trace
        assert self._token is not None
        taken = time.perf_counter() - self._begun
        _PLACE.reset(self._token)
        parent = _PLACE.get() or self._request.id
        ended = self._clock + int(taken * 1e9)
        self._request.add(
            Part(self._name, self._of, self.id, parent, self._clock, ended, _code(error))
        )


class _Step:
    """A step of processing, in whatever thread it is done."""

    __slots__ = ("_begun", "_name", "_told")

    def __init__(self, told: Told, name: str) -> None:
        self._told, self._name = told, name
        self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, trace
        self._told.tell(Stepped(self._name, _code(error), time.perf_counter() - self._begun))


class _RecordedStep(_Step):
    """One that belongs to a recorded request."""

    __slots__ = ("_clock", "_of", "_parent", "_request")

    def __init__(self, told: Told, request: _Served, of: str, parent: int, name: str) -> None:
        super().__init__(told, name)
        self._request, self._of, self._parent = request, of, parent
        self._clock = 0

    def __enter__(self) -> None:
        self._clock = time.time_ns()
        super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ended = self._clock + int((time.perf_counter() - self._begun) * 1e9)
        code = _code(error)
        part = Part(self._name, self._of, new_span(), self._parent, self._clock, ended, code)
        self._request.add(part)
        super().__exit__(kind, error, trace)


def _code(error: BaseException | None) -> str:
    if error is None:
        return OK
    return error.code if isinstance(error, BackstoryError) else UNFORESEEN
