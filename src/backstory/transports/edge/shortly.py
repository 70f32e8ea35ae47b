"""Requests that wait for something, served without the applications before their handlers.

A write waits for the disk, so that it cannot be answered `at_once`; but what the applications on
the way to its handler would look at is known by then (`at_once.Known`, and the lane's `Way`), and
the whole of it is there. It has a task, in which the guard tells of it and answers for whatever
goes wrong, as of any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from backstory.ports.hooks import Request
from backstory.transports.edge.answer import Answer
from backstory.transports.edge.at_once import Known, Later, note_coding
from backstory.transports.edge.coding.middleware import Coding
from backstory.transports.edge.guard import PRINCIPAL, REQUEST, Answering, Guard


class SendWhole(Protocol):
    """Sends an answer in one piece; False where it has to go by messages."""

    def __call__(self, answer: Answer) -> bool: ...


class Whole(NamedTuple):
    """A request that is there to its last byte: what answers it, and where the answer goes."""

    later: Later
    known: Known
    body: bytes
    send: SendWhole


class Shortly:
    """Goes past the applications to the guard, but where somebody is not known any more.

    `saying` adds what each answer says by messages that the guard does not add.
    """

    def __init__(
        self,
        app: ASGIApp,
        guard: Guard,
        coding: Coding,
        saying: Callable[[Send], Send] | None = None,
    ) -> None:
        self._app, self._guard, self._coding, self._saying = app, guard, coding, saying

    async def __call__(self, asked: Whole, scope: Scope, receive: Receive, send: Send) -> None:
        """As an application in its last three."""
        known = asked.known
        principal = known.principal(scope)
        if principal is None or not (known.gate is None or known.gate.let_in(principal)):
            await self._app(scope, receive, send)
            return
        scope[PRINCIPAL] = principal
        answering = Answering(scope, send if self._saying is None else self._saying(send))
        work = self._answer(asked, scope, receive, answering)
        await self._guard.around(scope, known.trace, answering, work)

    async def _answer(self, asked: Whole, scope: Scope, receive: Receive, send: Answering) -> None:
        request: Request = scope[REQUEST]
        request.principal = scope[PRINCIPAL]
        codec = self._coding.liked(scope)
        plain = await asked.later(scope, asked.body)
        answer = await self._coding.best(scope, plain, codec)
        if not asked.send(answer):
            await answer(scope, receive, send)
            return
        send.started = True
        if answer is not plain:
            note_coding(request, answer)
        request.answered(answer.status)
        request.sent = len(answer.body)
