"""Contexts: what is put, and what is answered of them."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from backstory.transports.rest.schemas.changes import Change
from backstory.transports.rest.schemas.content import Content, Hash
from backstory.transports.rest.schemas.entries import Entry
from backstory.transports.rest.schemas.words import (
    Address,
    Labels,
    Moment,
    Object,
    Seq,
    Spans,
    Stale,
    Version,
)


class PutContext(Struct, forbid_unknown_fields=True):
    """Replaces state, labels and expiry as a whole; what is missing is empty."""

    kind: str | None = None
    state: Object | UnsetType = UNSET
    labels: Labels | None = None
    expires_at: Moment | None = None


class Restore(Struct, forbid_unknown_fields=True):
    """The version to go back to."""

    version: Version


class Fork(Struct, forbid_unknown_fields=True):
    """Where to begin a copy, and from which version (the present without `at`)."""

    to: Address
    at: Version | None = None


class Head(Struct):
    """All of a context but its state, entries and content."""

    id: str
    namespace: str
    name: str
    kind: str
    version: Version
    epoch: str
    state_version: int
    content_version: int
    schema_version: int
    labels: Labels
    entry_count: int
    content: Content | None
    author: str
    trust: str
    created_at: Moment
    updated_at: Moment
    expires_at: Moment | None


class Context(Head, kw_only=True):
    """A head with its state, and its last entries where they were asked for."""

    state: Object
    entries: list[Entry] | UnsetType = UNSET
    entries_next: int | UnsetType | None = UNSET
    stale: Stale | UnsetType = UNSET


class ReplayedHead(Struct):
    """What is left to say of a write whose version is no longer kept."""

    namespace: str
    name: str
    version: Version


class CatchUp(Struct, rename={"from_": "from"}):
    """What leads from the version that the caller holds to a later one."""

    from_: int
    to: Version
    more: bool
    epoch: str
    patch: list[Object]
    head: Object
    entries: list[Entry]
    hidden: Spans
    redacted: list[Seq]
    content: Hash | None


class Contexts(Struct):
    """A page of heads."""

    items: list[Head]
    next: str | None


class Versions(Struct):
    """A page of a context's changes; `next` is the version to go on from."""

    items: list[Change]
    next: Version | None


class ShownHidden(Struct):
    """Ranges of entries that became visible, and that no longer are."""

    shown: Spans
    hidden: Spans


class Difference(Struct, rename={"from_": "from"}):
    """What lies between two versions."""

    from_: Version
    to: Version
    patch: list[Object]
    head: Object
    entries: ShownHidden


class Forgotten(Head, kw_only=True):
    """The head, with the oldest version that can still be read back."""

    history_from: Version
