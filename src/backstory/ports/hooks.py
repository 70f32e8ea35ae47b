"""Hooks: what the server tells of its own work while it does it.

Logs, metrics, traces and the audit trail hang here, so that nothing in the server measures for
itself. What is told are the frozen `events`; who listens says which kinds it hears.

Who listens must not wait, and may be told from any thread. What is told to nobody costs less
than a microsecond.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, Protocol, Self

from backstory.domain.principals import Principal
from backstory.ports.events import OK, Called, Event, hexadecimal
from backstory.resilience.deadlines import belongs_to_request

__all__ = [
    "OK",
    "SILENCE",
    "TRACE",
    "Called",
    "Hear",
    "Hooks",
    "Listener",
    "Measure",
    "Number",
    "Numbers",
    "RawHeaders",
    "Request",
    "Silence",
    "part",
    "served",
    "unmeasured",
]

RawHeaders = Sequence[tuple[bytes, bytes]]
TRACE: Final = frozenset({b"traceparent", b"tracestate"})
"""Headers of the W3C trace context."""

Measure = Callable[[str], AbstractContextManager[object]]
"""Wraps a step by its name. An exception that leaves the step is its failure, and goes on."""

Hear = Callable[[Any], None]
"""Takes an event of the kind that it is registered for."""


class Listener(Protocol):
    """An adapter of the hooks: metrics, traces, logs, the audit trail."""

    def hearing(self) -> Mapping[type[Event], Hear]:
        """Which kinds of events it wants, and what takes each."""
        ...


class Request(Protocol):
    """One request, from its head to the last byte of its answer."""

    route: str
    """The template of the path, once it is known: `/v1/contexts/{namespace}/{name}`."""
    principal: Principal | None
    """Who calls, once that is known."""
    sent: int
    """Bytes of the answer's body that went out."""
    coding: str
    """What the answer is coded in."""
    stale: bool
    """Whether the answer is from a copy, the store being away."""
    dropped: bool
    """Whether it is begun again in another way, which tells of it; here nobody is told."""

    @property
    def trace_id(self) -> str:
        """32 lower-case hex digits that name the request in answers, logs and traces."""
        ...

    @property
    def recorded(self) -> bool:
        """Whether somebody wants to know of its parts."""
        ...

    @property
    def timed(self) -> bool:
        """Whether somebody wants to know how long it takes."""
        ...

    def caused(self, parent: str, state: str = "") -> None:
        """The message that it carries names its own W3C trace context; nothing if it is none."""
        ...

    def routed(self, route: str) -> None:
        """The template of the path is known."""
        ...

    def answered(self, status: int) -> None:
        """The answer has begun; what it is coded in is known."""
        ...

    def whole(self, status: int, sent: int) -> None:
        """The same of one that was `dropped`, and that goes out at once, with so many bytes of body.

        Nothing but its end comes after it.
        """
        ...

    def failed(self, code: str) -> None:
        """The answer is a problem document with this code."""
        ...

    def called(self, call: Called) -> None:
        """It carried a request of MCP, which is done."""
        ...

    def part(self, name: str, of: str) -> AbstractContextManager[object]:
        """Wraps a part of the work done for it, below the part that is under way."""
        ...


Number = tuple[str, tuple[str, ...], float]
Numbers = Callable[[], Iterable[Number]]
"""Tells what stands: names of metrics (`queue_depth`), values of their labels, and numbers.

What a counter has come to since the start of the process is told whole each time.
"""


class Hooks(Protocol):
    """Hears of requests, of the steps that are done for them, and of all other events."""

    def request(
        self, method: str, headers: RawHeaders, *, dropped: bool = False
    ) -> AbstractContextManager[Request]:
        """Wraps the serving of a request, in the task that serves it.

        Of the headers only those of `TRACE` are looked at. One that is `dropped` from its
        beginning waits for nothing, and is told of only if that is changed before its end.
        """
        ...

    def steps(self, of: str) -> Measure:
        """A measure of steps that are done on what is `of`: a kind, or a form such as `json`.

        Belongs to the request that is being served where it is asked for, and may be used on
        any thread and after it; where none is served, to none.
        """
        ...

    def hears(self, kind: type[Event]) -> bool:
        """Whether anybody listens to such events, so that it pays to make one."""
        ...

    def tell(self, event: Event) -> None:
        """It happened. Never raises, never waits; from any thread."""
        ...

    @property
    def standing(self) -> Sequence[Numbers]:
        """All that were named by `stands`."""
        ...

    def stands(self, numbers: Numbers) -> None:
        """These numbers may be looked at, on the event loop; that must take microseconds."""
        ...


# -- the request that is being served ------------------------------------------------------

SERVED: Final[ContextVar[Request | None]] = ContextVar("backstory_served", default=None)
belongs_to_request(SERVED)

_NOTHING: Final = nullcontext()


def served() -> Request | None:
    """The request that is being served here; None in background work."""
    return SERVED.get()


def part(name: str, of: str = "") -> AbstractContextManager[object]:
    """Wraps a part (one of `events.PARTS`) of the work done for whatever request is served here."""
    request = SERVED.get()
    return _NOTHING if request is None or not request.recorded else request.part(name, of)


# -- nobody listens ------------------------------------------------------------------------


def unmeasured(_step: str) -> AbstractContextManager[object]:
    """Measures nothing."""
    return _NOTHING


class _Unheard:
    """A request that nobody hears of still has a name."""

    __slots__ = ("_trace", "coding", "dropped", "principal", "route", "sent", "stale")

    recorded: Final = False
    timed: Final = False

    def __init__(self, *, dropped: bool) -> None:
        self._trace = 0
        self.route, self.coding, self.sent, self.stale = "", "", 0, False
        self.dropped = dropped
        self.principal: Principal | None = None

    @property
    def trace_id(self) -> str:
        self._trace = self._trace or new_trace()
        return hexadecimal(self._trace)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, error, trace

    def caused(self, parent: str, state: str = "") -> None:
        del parent, state

    def routed(self, route: str) -> None:
        self.route = route

    def answered(self, status: int) -> None:
        del status

    def whole(self, status: int, sent: int) -> None:
        del status, sent

    def failed(self, code: str) -> None:
        del code

    def called(self, call: Called) -> None:
        del call

    def part(self, name: str, of: str) -> AbstractContextManager[object]:
        del name, of
        return _NOTHING


def new_trace() -> int:
    """A number that names a trace; never 0. No secret."""
    return random.getrandbits(128) or 1


def new_span() -> int:
    """A number that names a span; never 0. No secret."""
    return random.getrandbits(64) or 1


class Silence:
    """Nobody listens."""

    standing: Sequence[Numbers] = ()

    def request(
        self, method: str, headers: RawHeaders, *, dropped: bool = False
    ) -> AbstractContextManager[Request]:
        del method, headers
        return _Unheard(dropped=dropped)

    def steps(self, of: str) -> Measure:
        del of
        return unmeasured

    def hears(self, kind: type[Event]) -> bool:
        del kind
        return False

    def tell(self, event: Event) -> None:
        del event

    def stands(self, numbers: Numbers) -> None:
        del numbers


SILENCE: Final = Silence()
