"""One call of an endpoint: what a handler may ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from starlette.types import Receive, Scope

from backstory.contexts.service import Contexts
from backstory.domain.commits import Conditions
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Principal
from backstory.errors import PreconditionError
from backstory.ports.hooks import Hooks, Measure
from backstory.ports.log_levels import LogLevels
from backstory.ports.staleness import Staleness
from backstory.processing import bodies
from backstory.processing.accepted import Accepted
from backstory.rendering.service import Renderer
from backstory.transports.edge import body, headers
from backstory.transports.edge.answer import Answer, RawHeaders
from backstory.transports.edge.body import ClientGoneError
from backstory.transports.edge.guard import HOOKS, PRINCIPAL
from backstory.transports.rest import media
from backstory.transports.rest.answers import CACHING, NO_STORE, STALE, encode
from backstory.transports.rest.tags import Tags, Versions, holds, tags_of

T = TypeVar("T")

_CONDITIONS: Final = frozenset({b"if-match", b"if-none-match"})


@dataclass(frozen=True, slots=True)
class Served:
    """What all calls are for: the contexts, the renderer, and what bodies may be written in.

    `metrics` gives the media type and the text of `/metrics`, None where nothing is counted;
    `log_levels` is None where the log is somebody else's, `insights` where no requests are
    remembered.
    """

    contexts: Contexts
    renderer: Renderer
    accepted: Accepted
    metrics: Callable[[], tuple[str, bytes]] | None = None
    log_levels: LogLevels | None = None
    insights: Callable[[], dict[str, Any]] | None = None


class Call:
    """A request, and what is served to it."""

    __slots__ = ("body", "contexts", "media", "query", "receive", "scope", "served", "staleness")

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        served: Served,
        query: Mapping[str, Any],
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.served = served
        self.contexts = served.contexts
        self.query = query
        self.media = ""
        self.body = b""
        self.staleness = Staleness()

    @property
    def takes_copies(self) -> bool:
        """Whether an answer that was true some time ago is better than none.

        Not where a condition has to hold now.
        """
        truth = headers.wants_truth(self.scope) or headers.values(self.scope, b"if-match")
        return not truth

    @property
    def marks(self) -> dict[str, bool]:
        """What a view says of its age: nothing, where it is true now."""
        return {} if self.staleness.seconds is None else {"stale": True}

    @property
    def principal(self) -> Principal:
        principal: Principal = self.scope[PRINCIPAL]
        return principal

    @property
    def tags(self) -> Tags:
        store = self.contexts.store
        return tags_of(store.epoch, store.first_epoch)

    @property
    def key(self) -> ContextKey:
        """The context that the path names.

        Raises:
            InvalidKeyError: a part breaks its rule.
        """
        path = self.scope["path_params"]
        return ContextKey.of(path["namespace"], path["name"])

    @property
    def head_only(self) -> bool:
        return bool(self.scope["method"] == "HEAD")

    @property
    def measure(self) -> Measure:
        """Measures steps done on the body."""
        hooks: Hooks = self.scope[HOOKS]
        return hooks.steps(self.media)

    @property
    def content_type(self) -> str:
        """The body's media type with its parameters."""
        return self.header(b"content-type") or self.media

    @property
    def signature(self) -> bytes:
        """What tells the body from another: equal bytes of another media type are another."""
        said = self.media if media.is_json(self.media) else self.content_type
        return b"%s\n%s" % (said.encode(), self.body)

    def read_value(self, raw: bytes) -> Any:
        """The value of a body that is in another form than JSON.

        Raises:
            MalformedError, UnsupportedMediaError, TooLargeError: as `parsers.parse`.
        """
        return bodies.read_value(raw, self.content_type, self.served.accepted.parsers)

    def path(self, name: str) -> str:
        text: str = self.scope["path_params"][name]
        return text

    def header(self, name: bytes) -> str | None:
        """The value of a header that may stand once."""
        return headers.single(self.scope, name)

    async def read_body(self, allowed: tuple[str, ...]) -> None:
        """Take in the body, one of the media types allowed, before the handler begins.

        Raises:
            UnsupportedMediaError: it has another media type.
            InvalidError, ClientGoneError: as `edge.body.read`.
        """
        self.media = media.of_body(self.scope, allowed)
        self.body = await body.read(self.scope, self.receive)

    # -- conditions --------------------------------------------------------------------

    def named(self, header: str) -> Versions | None:
        """The versions that a conditional header names, None without it."""
        text = headers.joined(self.scope, header.lower().encode())
        return None if text is None else self.tags.versions(header, text)

    def conditions(
        self, if_version: int | None = None, if_state_version: int | None = None
    ) -> Conditions:
        """What must hold before a write: the headers' conditions, and those of the body."""
        if _CONDITIONS.isdisjoint(headers.index(self.scope)):  # as nearly always
            return Conditions(if_version, if_state_version)
        return Conditions(
            if_version, if_state_version, self.named("If-Match"), self.named("If-None-Match")
        )

    def unchanged(self, version: int, key: ContextKey | None = None) -> bool:
        """Whether a read can be answered by 304; `key` where the path names no context.

        Raises:
            PreconditionError: `If-Match` names other versions.
        """
        if _CONDITIONS.isdisjoint(headers.index(self.scope)):
            return False
        wanted = headers.values(self.scope, b"if-match")
        kept = headers.values(self.scope, b"if-none-match")
        if not wanted and len(kept) == 1 and kept[0] == self.tags.of(version).decode():
            return True  # this very tag alone is asked about, as nearly always
        if not holds(self.named("If-Match"), version, otherwise=True):
            raise PreconditionError(f"{key or self.key} is at version {version}", current=version)
        return holds(self.named("If-None-Match"), version, otherwise=False)

    # -- answers -----------------------------------------------------------------------

    def json(
        self, view: Any, *, status: int = 200, version: int | None = None, extra: RawHeaders = ()
    ) -> Answer:
        """A view as JSON, with the tag of a version."""
        if self.marks:
            view = view | self.marks
        return self.encoded(encode(view), status=status, version=version, extra=extra)

    def encoded(
        self, body: bytes, *, status: int = 200, version: int | None = None, extra: RawHeaders = ()
    ) -> Answer:
        """The same for a view that is JSON already, with the `marks` in it."""
        if self.staleness.seconds is None:
            return Answer(status, body, self._headers(version, extra))
        # Equal tags mean equal bytes, and the true answer has other ones.
        return Answer(status, body, (*NO_STORE, *CACHING[1:], _age(self.staleness.seconds), *extra))

    def empty(self, status: int, *, version: int | None = None, extra: RawHeaders = ()) -> Answer:
        """An answer without a body, such as 204 and 304."""
        if self.staleness.seconds is not None:
            extra = (*extra, _age(self.staleness.seconds))
        return Answer(status, b"", self._headers(version, extra))

    def _headers(self, version: int | None, extra: RawHeaders) -> RawHeaders:
        if version is None:
            return (*CACHING, *extra)
        return (self.tags.header(version), *CACHING, *extra)

    async def while_connected(self, waiting: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns; it is cancelled when the client goes away.

        Raises:
            ClientGoneError: the client went away first.
        """
        task = asyncio.ensure_future(waiting)
        gone = asyncio.ensure_future(disconnected(self.receive))
        try:
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientGoneError
            return task.result()
        finally:
            await end(gone)
            await end(task)


def _age(seconds: int) -> tuple[bytes, bytes]:
    return (STALE, b"%d" % seconds)


async def disconnected(receive: Receive) -> None:
    """Returns once the client has gone away; what it still sends is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def end(task: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more; what it fails with meanwhile concerns nobody either."""
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()
