"""The ASGI application around all others: what every request passes, REST and MCP alike.

An application behind the guard finds in its scope

* `scope["backstory.principal"]`: the `Principal` that calls,
* `scope["backstory.request"]`: the `ports.hooks.Request`, whose trace id names it in answers, logs
  and traces,
* `scope["backstory.challenge"]`: what an answer says that another token would avoid, and
* `scope["backstory.hooks"]`: the `ports.hooks.Hooks` that hear of the steps done for it.

It may raise any `BackstoryError` before it has begun to answer: the guard makes a problem
document of it. `body.ClientGoneError` ends a request without an answer. Whatever else is
raised becomes a 500 that tells nothing, and a line in the log that tells all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backstory import limits
from backstory.domain.principals import Principal
from backstory.errors import BackstoryError, HeadTooLargeError, TokenRefusedError
from backstory.ports import acts
from backstory.ports.hooks import SILENCE, Hooks, RawHeaders, Request
from backstory.transports.edge import problems
from backstory.transports.edge.acting import Acting
from backstory.transports.edge.body import ClientGoneError
from backstory.transports.edge.deprecating import ANNOUNCED
from backstory.transports.edge.pacing import Pacing
from backstory.transports.edge.secure_headers import lacking

logger = logging.getLogger(__name__)

PRINCIPAL: Final = "backstory.principal"
REQUEST: Final = "backstory.request"
HOOKS: Final = "backstory.hooks"
CHALLENGE: Final = "backstory.challenge"

Challenge = Callable[[Scope, BackstoryError], str | None]
"""The value of `WWW-Authenticate` in the answer to an error, None without one."""

_PROBES: Final = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})
"""Come every few seconds from everywhere; nobody is told of them."""


class Authenticator(Protocol):
    """Tells who calls."""

    async def __call__(self, scope: Scope) -> Principal:
        """The principal of a request.

        Raises:
            DeniedError, MisdirectedError, MalformedError: nobody that is let in.
        """
        ...

    def challenge(self, scope: Scope, error: BackstoryError) -> str | None:
        """The value of `WWW-Authenticate` in the answer to an error, None without one."""
        ...


Who = Callable[[], Principal | None]
"""Tells the principal of a request; None where only waiting can tell."""


class Knowing(Authenticator, Protocol):
    """One that may know without waiting."""

    def knowing(self, scope: Scope) -> Who | None:
        """What tells whose requests with these headers are, now and whenever one comes again.

        Of those for which somebody has to be known; None where each needs another look.

        Raises:
            BackstoryError: nobody that is let in.
        """
        ...


_CLOSE_POLICY_VIOLATION = 1008
CODINGS: Final = {b"zstd": "zstd", b"br": "br", b"gzip": "gzip"}
"""Those that are told of by their names."""


class Guard:
    """Lets in whom `authenticate` knows, and answers for whatever goes wrong behind it."""

    def __init__(
        self,
        app: ASGIApp,
        authenticate: Authenticator,
        hooks: Hooks = SILENCE,
        pacing: Pacing | None = None,
        acting: Acting | None = None,
    ) -> None:
        self._app = app
        self._authenticate = authenticate
        self._hooks = hooks
        self._pacing = pacing
        self._acting = acting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            answering = Answering(scope, send)
            await self.around(
                scope, scope["headers"], answering, self._let_in(scope, receive, answering)
            )
        else:
            await send({"type": "websocket.close", "code": _CLOSE_POLICY_VIOLATION})

    async def around(
        self, scope: Scope, trace: RawHeaders, answering: Answering, work: Coroutine[Any, Any, None]
    ) -> None:
        """Tell of the request, and answer for whatever goes wrong in its work.

        `trace` has the headers of its trace context, maybe among others.
        """
        probe = scope["path"] in _PROBES
        hooks = scope[HOOKS] = SILENCE if probe else self._hooks
        with hooks.request(scope["method"], trace) as request:
            scope[REQUEST] = request
            if self._acting is None or probe:
                await self._serve(scope, answering, work)
            else:
                with self._acting.heard(scope, request):
                    await self._serve(scope, answering, work)

    async def _serve(self, scope: Scope, send: Answering, work: Coroutine[Any, Any, None]) -> None:
        try:
            await self._answered(scope, send, work)
        except ClientGoneError:
            logger.debug("client gone", extra=_extra(scope))
        except Exception:
            extra = _extra(scope) | {"code": BackstoryError.code, "status": 500}
            logger.exception("unexpected failure, trace_id %s", extra["trace_id"], extra=extra)
            if send.started:
                raise  # the server cuts the connection, so that no half answer looks whole
            await _send_problem(scope, send, problems.UnexpectedError())

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        _check_head(scope)
        scope[PRINCIPAL] = scope[REQUEST].principal = await self._who(scope)
        await self._app(scope, receive, send)

    async def _answered(
        self, scope: Scope, send: Answering, work: Coroutine[Any, Any, None]
    ) -> None:
        try:
            scope[CHALLENGE] = self._authenticate.challenge
            await work
        except BackstoryError as error:
            if send.started or error.status == 500:
                raise
            if error.status > 500:
                extra = _extra(scope) | {"code": error.code, "status": error.status}
                logger.warning("%s (%s)", error.detail, error.code, extra=extra)
            challenge = self._authenticate.challenge(scope, error)
            await _send_problem(scope, send, error, challenge)

    async def _who(self, scope: Scope) -> Principal:
        """Who calls, unless they come too often; probes may come as often as they like."""
        pacing = self._pacing
        if pacing is None or scope["path"] in _PROBES:
            return await self._authenticate(scope)
        await pacing.arrived(scope)
        try:
            principal = await self._authenticate(scope)
        except TokenRefusedError:
            await pacing.refused(scope)
            raise
        await pacing.known(principal)
        return principal


async def _send_problem(
    scope: Scope, send: Send, error: BackstoryError, challenge: str | None = None
) -> None:
    request: Request = scope[REQUEST]
    request.failed(error.code)
    acts.failed(error.code, error.status)
    status, headers, body = problems.answer(error, request.trace_id)
    headers += scope.get(ANNOUNCED, ())
    if challenge is not None:
        headers.append((b"www-authenticate", challenge.encode("latin-1")))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Answering:
    """Sends on, with the headers that every answer has, and none of the body for HEAD."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._scope = scope
        self._bodiless = scope["method"] == "HEAD"
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            request: Request = self._scope[REQUEST]
            headers = list(message.get("headers", ()))
            for name, value in headers:
                if name == b"content-encoding":
                    request.coding = CODINGS.get(value, "other")
            request.answered(message["status"])
            message["headers"] = [*headers, *lacking(headers)]
        elif self._bodiless and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        else:
            self._scope[REQUEST].sent += len(message.get("body", b""))
        await self._send(message)


def _check_head(scope: Scope) -> None:
    size = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
    for name, value in scope["headers"]:
        if name != b"authorization":  # has a bound of its own, and another answer
            size += len(name) + len(value)
    if size > limits.HEADER_BYTES:
        raise HeadTooLargeError(
            f"path, query and headers may have {limits.HEADER_BYTES} bytes together",
            limit="HEADER_BYTES",
        )


def _extra(scope: Scope) -> dict[str, Any]:
    request: Request = scope[REQUEST]
    return {"trace_id": request.trace_id, "method": scope["method"], "route": request.route}
