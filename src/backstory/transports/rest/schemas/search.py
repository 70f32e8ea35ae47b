"""Searches, and what they find."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from backstory import limits
from backstory.transports.rest.schemas.words import Seq


class SearchText(Struct, forbid_unknown_fields=True):
    """Words, `"phrases"` and `beginnings*`, all of which have to occur."""

    query: str = ""
    namespace: str | None = None
    kind: str | None = None
    label: str | None = None
    limit: Annotated[int, Meta(ge=1, le=limits.PAGE_MAX)] = limits.PAGE_DEFAULT
    cursor: str | None = None


class Found(Struct):
    """A state (`seq` null) or an entry; highlights are pairs of offsets into the text."""

    context: str
    kind: str
    seq: Seq | None
    score: float
    text: str
    highlights: list[list[int]]


class FoundPage(Struct):
    """Hits, the best first."""

    items: list[Found]
    next: str | None
