"""The change stream."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from backstory.transports.rest.schemas.words import Moment, Spans, Version


class Change(Struct):
    """What one commit did to one context. Names are null once it was purged."""

    commit: str
    id: str
    namespace: str | None
    name: str | None
    kind: str | None
    version: Version
    op: Literal["created", "updated", "deleted", "expired", "purged"]
    parts: list[str]
    seqs: Spans
    by: str
    trust: str
    at: Moment


class StreamChange(Change, kw_only=True):
    """A change, with the cursor behind it."""

    cursor: str


class Changes(Struct):
    """A page of the stream; `next` is always there."""

    items: list[StreamChange]
    next: str
