"""What an endpoint is: one row gives a route and its part of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from starlette.types import ASGIApp

from backstory.domain.deprecations import Deprecation
from backstory.errors import (
    BackstoryError,
    DeniedError,
    MalformedError,
    MisdirectedError,
    MissingError,
    UnauthenticatedError,
)
from backstory.transports.rest import params
from backstory.transports.rest.call import Call
from backstory.transports.rest.params import Param

Handler = Callable[[Call], Awaitable[ASGIApp]]

ALWAYS: Final[tuple[type[BackstoryError], ...]] = (
    MalformedError,
    UnauthenticatedError,
    DeniedError,
    MissingError,
    MisdirectedError,
)
"""What every call under `/v1` may answer."""


@dataclass(frozen=True, slots=True)
class Body:
    """One media type that a call reads, with the shape and, where we have one, an example of it."""

    media: str
    shape: Any
    example: Any = None
    required: bool = True


class Reply:
    """One answer of a call: one of the shapes, or no body where there is none; JSON unless said."""

    __slots__ = ("about", "etag", "location", "media", "shapes")

    def __init__(
        self,
        about: str,
        *shapes: Any,
        etag: bool = False,
        location: bool = False,
        media: str = "application/json",
    ) -> None:
        self.about = about
        self.shapes = shapes
        self.etag = etag
        self.location = location
        self.media = media


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One row of the table.

    `writes`: takes an idempotency key. `conditional`: takes `If-Match` and `If-None-Match`.
    `streams`: reads its body itself, as it comes.
    `waits`: may take longer than `limits.REQUEST_SECONDS`. `probe`: an endpoint of
    operations, which knows no tenant. `stale`: may be answered from a copy while the store is
    away. `deprecation`: it goes on for now, and says so.
    `hot`: asked of one context so often that it goes a shorter way, with its body given and its
    answer whole; mostly without a wait, where it writes nothing.
    """

    method: str
    path: str
    handler: Handler
    tag: str
    summary: str
    replies: Mapping[int, Reply]
    query: tuple[Param, ...] = ()
    bodies: tuple[Body, ...] = ()
    errors: tuple[type[BackstoryError], ...] = ()
    writes: bool = False
    conditional: bool = False
    streams: bool = False
    waits: bool = False
    probe: bool = False
    stale: bool = False
    deprecation: Deprecation | None = None
    hot: bool = False

    def asked(self, query: bytes) -> Mapping[str, Any]:
        """The value of each parameter in a query.

        Raises:
            MalformedError: as `params.read`.
        """
        return params.read(self.query, query) if query else self._asked_plainly

    @cached_property
    def _asked_plainly(self) -> Mapping[str, Any]:
        return params.read(self.query, b"")

    @cached_property
    def media(self) -> tuple[str, ...]:
        """The media types that its body may have."""
        return tuple(body.media for body in self.bodies)

    @property
    def operation_id(self) -> str:
        return self.handler.__name__

    @property
    def description(self) -> str:
        said = (self.handler.__doc__ or "").strip()
        return said if self.deprecation is None else f"{self.deprecation.sentence}\n\n{said}"
