"""`ports.hooks.Hooks`: makes the frozen events, and hands each to whoever hears its kind.

A listener that fails is told of in the log and does no harm to what it was told of.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from random import getrandbits
from typing import Final

from backstory import limits
from backstory.observability.served import METHODS, OTHER, Served
from backstory.observability.steps import PLACE, RecordedStep, Step
from backstory.ports.events import Event, Origin, Stepped
from backstory.ports.hooks import (
    SERVED,
    Hear,
    Listener,
    Measure,
    Number,
    Numbers,
    RawHeaders,
    Request,
    unmeasured,
)

logger = logging.getLogger(__name__)

Starts = Callable[[str, str, int], Origin]
"""Which trace a request belongs to that came with this `traceparent` and `tracestate`.

It is one of that number, where it begins here.
"""
_RATIO_BITS: Final = (1 << 64) - 1


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
        served = Served(self, method if method in METHODS else OTHER)
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
        if request is not None and request.recorded and isinstance(request, Served):
            return partial(RecordedStep, self, request, of, PLACE.get() or request.id)
        return partial(Step, self) if self.hears(Stepped) else unmeasured


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
