"""`ports.hooks.Hooks`: makes the frozen events, and hands each to whoever hears its kind.

A listener that fails is told of in the log and does no harm to what it was told of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sized
from contextlib import AbstractContextManager
from functools import partial
from math import inf, log, log1p
from random import getrandbits, random, randrange
from threading import RLock

from backstory import limits
from backstory.observability.gathering import Gathered, Gatherer, both, safely
from backstory.observability.requests import Requests
from backstory.observability.served import METHODS, OTHER, Served
from backstory.observability.steps import PLACE, RecordedStep, Step
from backstory.ports.events import Ended, Event, Origin, Stepped
from backstory.ports.hooks import (
    SERVED,
    Hear,
    Listener,
    Measure,
    Numbers,
    RawHeaders,
    Request,
    unmeasured,
)

Starts = Callable[[str, str, int], Origin]
"""Which trace a request belongs to that came with this `traceparent` and `tracestate`.

It is one of that number, where it begins here.
"""


class Told:
    """All that the server tells goes through one of these; `starts` begins traces."""

    def __init__(self, listeners: Iterable[Listener] = (), starts: Starts | None = None) -> None:
        self._now: dict[type[Event], Hear] = {}
        self._later: dict[type[Event], Gathered] = {}
        self._ways: dict[type[Event], Hear] = {}
        self._draining = RLock()
        self.most = limits.EVENTS_WAITING
        self.ended: Hear | None = None
        """Takes `Ended`, if anybody hears that."""
        self.waiting: Sized = ()
        """What each request adds one to; looked at when it is over."""
        self.starts = starts
        self.deaf = starts is None
        """Nobody wants to know of requests, which are then not even timed."""
        self._bound = 1 << 64
        """Traces that begin here are recorded only where their numbers' low 64 bits are below it."""
        self._unrecorded = inf if starts is None else 0.0
        """Requests that begin a trace before the next one may be recorded."""
        self._quiet = 0
        """How many requests that wait for nothing are neither timed nor recorded, from now on.

        To look at the clock twice is a twentieth of what such a request costs.
        """
        self._noticed = 0
        """How many were timed since the last look."""
        self.sample = 1
        """Of requests that went well and soon, `Ended` is told of one in so many."""
        self.well = 0
        """Requests that did since it was told of one."""
        self.requests: Requests | None = None
        """Counts them, where somebody wants to know."""
        self.standing: list[Numbers] = []
        for listener in listeners:
            self.listen(listener)

    def listen(self, listener: Listener) -> None:
        """Tell it, too, from now on."""
        for kind, hear in listener.hearing().items():
            first = self._now.get(kind)
            self._now[kind] = hear if first is None else both(first, hear)
            self._lead(kind)

    def listen_later(self, listener: Listener) -> None:
        """The same for one that can wait for `drain`, which costs those who tell a tenth."""
        for kind, hear in listener.hearing().items():
            self._later.setdefault(kind, Gathered()).heard_by(hear)
            self._lead(kind)
        if isinstance(listener, Gatherer):
            for kind, hear_all in listener.gathering().items():
                self._later.setdefault(kind, Gathered()).hears.append(hear_all)
                self._lead(kind)

    def _lead(self, kind: type[Event]) -> None:
        """Decide which way events of this kind go."""
        now, later = self._now.get(kind), self._later.get(kind)
        way: Hear | None = None if now is None else partial(safely, now)
        if later is not None:
            wait: Hear = later.events.append if kind is Ended else partial(self._wait, later)
            way = wait if way is None else both(wait, way)
            if kind is Ended:
                self.waiting = later.events
        assert way is not None, "somebody hears it"
        self._ways[kind] = way
        self.ended = self._ways.get(Ended)
        self.deaf = self.deaf and self.ended is None

    def _wait(self, later: Gathered, event: Event) -> None:
        later.events.append(event)
        if len(later.events) >= self.most:
            self.drain()

    def trace(self, starts: Starts, bound: int) -> None:
        """Let this one say which trace a request belongs to.

        It records none that begins here whose number's low 64 bits are not below the bound.
        """
        self.starts, self._bound, self.deaf = starts, bound, False
        self._unrecorded = self._gap()

    def drain(self) -> None:
        """Tell those who can wait what has gathered. From any thread."""
        self._noticed = 0
        with self._draining:
            for later in self._later.values():
                later.drain()

    def count(self) -> Requests:
        """Count requests from now on."""
        self.deaf, requests = False, Requests()
        self.requests = requests
        self.stands(lambda: (("requests_in_flight", (), requests.in_flight),))
        return requests

    def stands(self, numbers: Numbers) -> None:
        self.standing.append(numbers)

    def hears(self, kind: type[Event]) -> bool:
        return kind in self._ways

    def tell(self, event: Event) -> None:
        way = self._ways.get(event.__class__)
        if way is not None:
            way(event)

    def request(
        self, method: str, headers: RawHeaders, *, dropped: bool = False
    ) -> AbstractContextManager[Request]:
        method = method if method in METHODS else OTHER
        if dropped and self._quiet and not headers:
            self._quiet -= 1
            return Served(self, method, 0.0, dropped)
        served = Served(self, method, 0.0 if self.deaf else time.perf_counter(), dropped)
        if self.starts is not None:
            self._unrecorded -= 1
            self._begin(served, headers, self.starts)
        if dropped and not self._quiet:
            self._rest()
        return served

    def _begin(self, served: Served, headers: RawHeaders, starts: Starts) -> None:
        """Let it belong to its trace, where that may be recorded."""
        parent = state = ""
        for name, value in headers:
            if name == b"traceparent":
                parent = value.decode("latin-1")
            elif name == b"tracestate":
                state = f"{state},{value.decode('latin-1')}" if state else value.decode("latin-1")
        if parent or self._unrecorded < 0:
            served.begins(starts(parent, state, getrandbits(64) << 64 | self._drawn()))

    def _drawn(self) -> int:
        """The low half of a new trace's number, by which samplers decide. No secret."""
        if self._unrecorded >= 0:
            return randrange(self._bound, 1 << 64)  # noqa: S311
        self._unrecorded = self._gap()
        return randrange(self._bound) or 1  # noqa: S311

    def _gap(self) -> float:
        """How many requests come before the next that is recorded, where each may be that one.

        To draw this once is to draw for each of them (a geometric distribution).
        """
        share = self._bound / (1 << 64)
        if share in (0, 1):
            return 0 if share else inf
        return log(1 - random()) // log1p(-share)  # noqa: S311

    def _rest(self) -> None:
        """Let some pass that wait for nothing, once there are many of them."""
        self._noticed += 1
        if self._noticed < limits.TIMED_AT_ONCE:
            return
        untold = inf
        if self.ended is not None:  # so many after this one, of which it is told
            untold = max(0, self.sample - self.well - 1) or self.sample
        self._quiet = int(min(limits.TIMED_OF_MORE, self._unrecorded + 1, untold)) - 1
        self._unrecorded -= self._quiet

    def steps(self, of: str) -> Measure:
        request = SERVED.get()
        if request is not None and request.recorded and isinstance(request, Served):
            parent = PLACE.get() or request.id
            return partial(RecordedStep, self, request=request, of=of, parent=parent)
        return partial(Step, self) if self.hears(Stepped) else unmeasured
