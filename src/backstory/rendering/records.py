"""Render ids: what a window was made of, sealed, so that it can be made again.

The id is the record. Nothing is stored for it, so no node has to be asked, nothing grows and
nothing is left behind; it is bound to tenant and subject and is no right to anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.errors import InvalidCursorError, MissingError, RenderGoneError
from backstory.rendering.requests import RenderRequest

RENDERER: Final = "2"
"""Changes whenever the same request may give other bytes than it gave before."""

_PURPOSE: Final = "render"


@dataclass(frozen=True, slots=True)
class Record:
    """A render: the request, the version of each source, the counter, and a hash of the bytes."""

    request: RenderRequest
    versions: Sequence[int]
    counter: str
    form: str
    digest: str


def close(seal: Seal, principal: Principal, record: Record) -> str:
    """The id of a render."""
    payload = [
        RENDERER,
        msgspec.to_builtins(record.request),
        list(record.versions),
        record.counter,
        record.form,
        record.digest,
    ]
    return seal.close(_PURPOSE, principal.tenant, principal.subject, payload)


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
    return _record(rest)


def _record(rest: Sequence[Any]) -> Record:
    raw, versions, counter, form, digest = rest
    assert isinstance(raw, Mapping)
    return Record(msgspec.convert(raw, RenderRequest), versions, counter, form, digest)
