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


class Lane(Protocol):
    """Answers some requests, and says nothing itself of what `secure_headers` are about."""

    def __call__(self, scope: Scope) -> Work | None:
        """What answers requests with this head; None where they are none of the lane's."""
        ...


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
        self._authenticate = authenticate
        self.challenge, self.hooks, self.coding = authenticate.challenge, hooks, coding
        self._pacing, self.acting = pacing, acting
        self._always = tuple(always)

    def ready(self, scope: Scope) -> Ready | None:
        """What answers requests with this head, for as long as the server runs.

        None where the applications have to be asked.
        """
        for lane in self._lanes:
            work = lane(scope)
            if work is not None:
                break
        else:
            return None
        headers.index(scope)
        try:
            who = self._authenticate.knowing(scope) if _is_plain(scope) else None
        except BackstoryError:  # the other way refuses as well, and says why
            return None
        if who is None:
            return None
        gate = None if self._pacing is None else self._pacing.gate(scope)
        told = tuple(each for each in scope["headers"] if each[0] in TRACE)
        return Ready(self, work, who, gate, told)

    @property
    def added(self) -> tuple[Header, ...]:
        """What goes out with each answer, beside what it says itself."""
        return (*SECURE, *self._always)


class Ready:
    """Answers requests with one head."""

    __slots__ = ("_all", "_gate", "_trace", "_who", "_work")

    def __init__(
        self, all_: AtOnce, work: Work, who: Who, gate: Gate | None, trace: RawHeaders
    ) -> None:
        self._all, self._work, self._who, self._gate, self._trace = all_, work, who, gate, trace

    def __call__(self, scope: Scope, body: bytes) -> Answer | None:
        """The answer to a request, or None where the applications have to be asked."""
        try:
            principal, gate = self._who(), self._gate
            if principal is None:
                return None
            if gate is None:
                return self._heard(scope, principal, body)
            return self._paced(scope, principal, body, gate)
        except Exception:  # noqa: BLE001 - the other way fails as well, and says of what
            return None

    def _paced(self, scope: Scope, principal: Principal, body: bytes, gate: Gate) -> Answer | None:
        if not gate.let_in(principal):
            return None
        answer = None
        try:
            answer = self._heard(scope, principal, body)
        finally:
            if answer is None:
                gate.come_again(principal)
        return answer

    def _heard(self, scope: Scope, principal: Principal, body: bytes) -> Answer | None:
        hooks, acting = self._all.hooks, self._all.acting
        scope[HOOKS], scope[CHALLENGE] = hooks, self._all.challenge
        with hooks.request(scope["method"], self._trace, dropped=True) as request:
            scope[REQUEST], scope[PRINCIPAL] = request, principal
            request.principal = principal
            with nullcontext() if acting is None else acting.heard(scope, request):
                return self._told(scope, body, request)

    def _told(self, scope: Scope, body: bytes, request: Request) -> Answer | None:
        plain = at_once(self._work(scope, body))
        answer = None if plain is None else self._all.coding.coded(scope, plain)
        if answer is None:
            return None
        if answer is not plain and answer.body:
            coding = dict(answer.headers).get(b"content-encoding")
            request.coding = IDENTITY if coding is None else CODINGS[coding]
        request.dropped = False
        request.answered(answer.status)
        request.sent = len(answer.body)
        return answer


def _is_plain(scope: Scope) -> bool:
    """Whether nothing in the head asks for a longer look, and there is not too much of it."""
    left = limits.HEADER_BYTES - len(scope["raw_path"]) - len(scope["query_string"])
    for name, value in scope["headers"]:
        if name in _FOREIGN:
            return False
        left -= len(name) + len(value)
    return left >= 0
