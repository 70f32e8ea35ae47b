"""Render ids: what a window was made of, sealed, so that it can be made again.

The id is the record. Nothing is stored for it, so no node has to be asked, nothing grows and
nothing is left behind; it is bound to tenant and subject and is no right to anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from backstory import limits
from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.errors import InvalidCursorError, MissingError, RenderGoneError, TooLargeError
from backstory.rendering.requests import RenderRequest

RENDERER: Final = "3"
"""Changes whenever the same request may give other bytes than it gave before."""

_PURPOSE: Final = "render"
_MEMBERS: Final = 7  # behind the renderer; a later release may have added others


@dataclass(frozen=True, slots=True)
class Record:
    """A render: the request, the version of each source, the counter, and a hash of the bytes.

    `hits` are the seqs that a search found in each source, None where none was asked for;
    `inside` tells of each whether a prompt's values stand in their places.
    """

    request: RenderRequest
    versions: Sequence[int]
    counter: str
    form: str
    digest: str
    hits: Sequence[Sequence[int] | None]
    inside: Sequence[bool | None]


def close(seal: Seal, principal: Principal, record: Record) -> str:
    """The id of a render.

    Raises:
        TooLargeError: over `limits.RENDER_ID_BYTES`.
    """
    payload = [
        RENDERER,
        msgspec.to_builtins(record.request),
        list(record.versions),
        record.counter,
        record.form,
        record.digest,
        record.hits,
        record.inside,
    ]
    token = seal.close(_PURPOSE, principal.tenant, principal.subject, payload)
    if len(token) > limits.RENDER_ID_BYTES:
        raise TooLargeError(
            f"the id of this render would have {len(token)} bytes, and may have "
            f"{limits.RENDER_ID_BYTES}; shorten queries and arguments, or name fewer sources",
            limit="RENDER_ID_BYTES",
        )
    return token


def open_(seal: Seal, principal: Principal, token: str) -> Record:
    """The record behind an id.

    Raises:
        MissingError: it was not given to this caller by this store.
        RenderGoneError: another release of the renderer made it.
    """
    try:
        payload = seal.open(_PURPOSE, principal.tenant, principal.subject, token)
    except InvalidCursorError as error:
        raise MissingError("there is no such render of yours") from error
    renderer, *rest = payload
    if renderer != RENDERER:
        raise RenderGoneError(f"renderer {renderer} made it; here is {RENDERER}")
    try:
        return _record(rest[:_MEMBERS])
    except msgspec.ValidationError as error:  # a request with something that is new
        raise RenderGoneError("a later release made it, of what this one does not know") from error


def _record(rest: Sequence[Any]) -> Record:
    raw, *others = rest
    assert isinstance(raw, Mapping)
    return Record(msgspec.convert(raw, RenderRequest), *others)
