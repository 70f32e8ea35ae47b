"""Requests that wait for nothing, answered where they come in.

Most reads are of what is in memory or in a file that is mapped: making a task for them, and
handing messages through every application on the way to them, costs more than the read. So a
server may ask here first, with the whole request. The answer is the one that the applications
behind the guard would have given, made by the same parts; `None` says that they have to give
it: whoever calls is not known yet, or is refused, or something has to be waited for. Then
nothing has been done, and nothing was told.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from contextlib import nullcontext
from typing import Any, Final, Protocol

from starlette.types import Scope

from backstory import limits
from backstory.domain.principals import Principal
from backstory.ports.hooks import Hooks
from backstory.resilience.stepping import at_once
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
)
from backstory.transports.edge.pacing import Pacing
from backstory.transports.edge.secure_headers import SECURE

Header = tuple[bytes, bytes]

METHODS: Final = frozenset({"GET", "POST"})
"""Of the requests that a lane may answer."""
_FOREIGN: Final = frozenset({b"origin", b"content-encoding"})
"""Headers that say of a request that more has to be looked at than a lane looks at."""


class Lane(Protocol):
    """Answers some requests, and says nothing itself of what `secure_headers` are about."""

    def __call__(self, scope: Scope, body: bytes) -> Coroutine[Any, Any, Answer | None] | None:
        """What answers the request; None where this is none of the lane's.

        That is told by its head. The coroutine may find out more, and answer None.
        """
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
        self._authenticate, self._hooks, self._coding = authenticate, hooks, coding
        self._pacing, self._acting = pacing, acting
        self._always = tuple(always)

    def __call__(self, scope: Scope, body: bytes) -> Answer | None:
        """The answer to a request, or None where the applications have to be asked."""
        for lane in self._lanes:
            work = lane(scope, body)
            if work is not None:
                break
        else:
            return None
        try:
            return self._answer(scope, work) if _is_plain(scope) else None
        except Exception:  # noqa: BLE001 - the other way fails as well, and says of what
            return None
        finally:
            work.close()

    @property
    def added(self) -> tuple[Header, ...]:
        """What goes out with each answer, beside what it says itself."""
        return (*SECURE, *self._always)

    def _answer(self, scope: Scope, work: Coroutine[Any, Any, Answer | None]) -> Answer | None:
        principal = self._authenticate.known(scope)
        if principal is None:
            return None
        pacing = self._pacing
        if pacing is not None and not pacing.let_in(scope, principal):
            return None
        answer = None
        try:
            answer = self._heard(scope, principal, work)
        finally:
            if answer is None and pacing is not None:
                pacing.come_again(scope, principal)
        return answer

    def _heard(
        self, scope: Scope, principal: Principal, work: Coroutine[Any, Any, Answer | None]
    ) -> Answer | None:
        scope[HOOKS], scope[CHALLENGE] = self._hooks, self._authenticate.challenge
        with self._hooks.request(scope["method"], scope["headers"]) as request:
            request.dropped = True  # unless it comes to something
            scope[REQUEST], scope[PRINCIPAL] = request, principal
            request.principal = principal
            acting = self._acting
            with nullcontext() if acting is None else acting.heard(scope, request):
                plain = answer = at_once(work)
                if answer is not None:
                    answer = self._coding.coded(scope, answer)
                if answer is not None:
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
