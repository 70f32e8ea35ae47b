"""Requests that wait for nothing, answered where they come in.

Most reads are of what is in memory or in a file that is mapped: making a task for them, and
handing messages through every application on the way to them, costs more than the read. So a
server may ask here first, with the whole request. The answer is the one that the applications
behind the guard would have given, made by the same parts; `None` says that they have to give
it: whoever calls is not known yet, or is refused, or something has to be waited for. Then
nothing has been done, and nothing was told.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from contextlib import nullcontext
from typing import Any, Final, Protocol

from starlette.types import Scope

from backstory import limits
from backstory.domain.principals import Principal
from backstory.errors import BackstoryError
from backstory.ports.hooks import TRACE, Hooks, RawHeaders, Request
from backstory.resilience.stepping import at_once
from backstory.transports.edge import headers
from backstory.transports.edge.acting import Acting
from backstory.transports.edge.answer import Answer
from backstory.transports.edge.coding.middleware import Coding
from backstory.transports.edge.coding.negotiating import IDENTITY
from backstory.transports.edge.guard import (
    CHALLENGE,
    CODINGS,
    HOOKS,
    PRINCIPAL,
    REQUEST,
    Knowing,
    Who,
)
from backstory.transports.edge.pacing import Gate, Pacing
from backstory.transports.edge.secure_headers import SECURE

Header = tuple[bytes, bytes]

_FOREIGN: Final = frozenset({b"origin", b"content-encoding"})
"""Headers that say of a request that more has to be looked at than a lane looks at."""


Work = Callable[[Scope, bytes], Coroutine[Any, Any, Answer | None]]
"""What answers a request by its scope and its body. It may find that it is none of the lane's."""
Later = Callable[[Scope, bytes], Coroutine[Any, Any, Answer]]
"""The same in a task of the request's own, where it may wait, and raise what the guard answers."""


class Way(Protocol):
    """How requests with one head are answered: `now`, where that needs no task, or `later`."""

    @property
    def now(self) -> Work | None: ...

    @property
    def later(self) -> Later | None: ...


class Lane(Protocol):
    """Answers some requests, and says nothing itself of what `secure_headers` are about."""

    def __call__(self, scope: Scope) -> Way | None:
        """What answers requests with this head; None where they are none of the lane's."""
        ...


class Known:
    """What the headers of requests say of whoever sends them, for as long as the server runs.

    `who` tells who it is, `gate` whether they may come so often, `trace` are the headers of their
    trace context, and `target_bytes` are left for the target.
    """

    __slots__ = ("gate", "target_bytes", "trace", "who")

    def __init__(self, who: Who, gate: Gate | None, trace: RawHeaders, target_bytes: int) -> None:
        self.who, self.gate, self.trace, self.target_bytes = who, gate, trace, target_bytes

    def principal(self, scope: Scope) -> Principal | None:
        """Who sends a request with these headers; None where the applications have to look."""
        if len(scope["raw_path"]) + len(scope["query_string"]) > self.target_bytes:
            return None
        return self.who()


class AtOnce:
    """Asks each lane. `always` are headers of every answer, beside those for browsers."""

    def __init__(
        self,
        lanes: Iterable[Lane],
        authenticate: Knowing,
        hooks: Hooks,
        coding: Coding,
        *,
        pacing: Pacing | None = None,
        acting: Acting | None = None,
        always: Iterable[Header] = (),
    ) -> None:
        self._lanes = tuple(lanes)
        self._authenticate, self._challenge = authenticate, authenticate.challenge
        self._hooks, self._coding = hooks, coding
        self._pacing, self._acting = pacing, acting
        self._always = tuple(always)

    @property
    def added(self) -> tuple[Header, ...]:
        """What goes out with each answer, beside what it says itself."""
        return (*SECURE, *self._always)

    def way(self, scope: Scope) -> Way | None:
        """What answers requests with this head; None where the applications have to be asked."""
        for lane in self._lanes:
            way = lane(scope)
            if way is not None:
                return way
        return None

    def known(self, scope: Scope) -> Known | None:
        """What the headers say; None where the applications have to look at them."""
        headers.notes(scope)  # is there from now on, for whoever finds something out
        left = limits.HEADER_BYTES
        for name, value in scope["headers"]:
            if name in _FOREIGN:
                return None
            left -= len(name) + len(value)
        try:
            who = self._authenticate.knowing(scope)
        except BackstoryError:  # the other way refuses as well, and says why
            return None
        if who is None:
            return None
        gate = None if self._pacing is None else self._pacing.gate(scope)
        return Known(who, gate, tuple(each for each in scope["headers"] if each[0] in TRACE), left)

    def __call__(self, work: Work, known: Known, scope: Scope, body: bytes) -> Answer | None:
        """The answer to a request, or None where the applications have to be asked."""
        try:
            principal = known.principal(scope)
            if principal is None:
                return None
            serve = self._heard if known.gate is None else self._paced
            return serve(work, known, scope, body, principal)
        except Exception:  # noqa: BLE001 - the other way fails as well, and says of what
            return None

    def _paced(
        self, work: Work, known: Known, scope: Scope, body: bytes, principal: Principal
    ) -> Answer | None:
        gate, answer = known.gate, None
        if gate is None or not gate.let_in(principal):
            return None
        try:
            answer = self._heard(work, known, scope, body, principal)
        finally:
            if answer is None:
                gate.come_again(principal)
        return answer

    def _heard(
        self, work: Work, known: Known, scope: Scope, body: bytes, principal: Principal
    ) -> Answer | None:
        hooks, acting = self._hooks, self._acting
        scope[HOOKS], scope[CHALLENGE] = hooks, self._challenge
        with hooks.request(scope["method"], known.trace, dropped=True) as request:
            scope[REQUEST], scope[PRINCIPAL] = request, principal
            request.principal = principal
            with nullcontext() if acting is None else acting.heard(scope, request):
                return self._told(scope, request, at_once(work(scope, body)))

    def _told(self, scope: Scope, request: Request, plain: Answer | None) -> Answer | None:
        answer = None if plain is None else self._coding.coded(scope, plain)
        if answer is None:
            return None
        if answer is not plain:
            note_coding(request, answer)
        request.whole(answer.status, len(answer.body))
        return answer


def note_coding(request: Request, answer: Answer) -> None:
    """Tell what an answer is coded in that somebody has thought of coding."""
    if answer.body:
        coding = dict(answer.headers).get(b"content-encoding")
        request.coding = IDENTITY if coding is None else CODINGS[coding]
