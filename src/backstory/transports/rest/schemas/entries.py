"""Entries, and messages in the form of a provider."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from backstory import limits
from backstory.domain.messages import Format
from backstory.transports.rest.schemas.words import (
    Condition,
    Moment,
    Object,
    Seq,
    Stale,
    Version,
    Word,
)


class NewPart(Struct):
    """A part of an entry's content, with whatever else its type needs."""

    type: str


class NewEntry(Struct, forbid_unknown_fields=True):
    """An entry to append. An `id` makes a retry safe: a known one is not stored twice.

    Describes only; `domain.intake` checks, and names all wrong places at once.
    """

    role: Word
    content: str | list[NewPart]
    id: (
        Annotated[str, Meta(min_length=1, max_length=limits.ENTRY_ID_BYTES, pattern="^[^~]")] | None
    ) = None
    type: Word = "message"
    metadata: Object | None = None


NewEntries = Annotated[
    Any,
    Meta(
        extra_json_schema={
            "type": "array",
            "minItems": 1,
            "maxItems": limits.APPEND_ENTRIES,
            "items": {"$ref": "#/components/schemas/NewEntry"},
        }
    ),
]


class AppendEntries(Struct, forbid_unknown_fields=True):
    """Entries to add behind the last, in their order."""

    entries: NewEntries
    if_version: Condition | None = None


def messages_of(form: Format) -> Any:
    """What a format needs of a request; the rest is its provider's."""
    schema = {"type": "object", "required": [form.members[0]]}
    return Annotated[Any, Meta(description=form.title, extra_json_schema=schema)]


def append_body(formats: Iterable[Format]) -> Any:
    """Entries, or what a format needs; several have their messages under the same name."""
    needed = dict.fromkeys(form.members[0] for form in formats)
    shapes = [{"type": "object", "required": [name]} for name in needed]
    entries = {"$ref": "#/components/schemas/AppendEntries"}
    about = "Entries; or with `format`, messages as that provider's API takes them."
    return Annotated[Any, Meta(description=about, extra_json_schema={"anyOf": [entries, *shapes]})]


class Entry(Struct):
    """One item of the log; a redacted one has type `redacted` and no text."""

    seq: Seq
    id: str
    role: str
    type: str
    content: str | list[Object]
    metadata: Object
    author: str
    trust: str
    version: Version
    created_at: Moment


class Appended(Struct):
    """Where the entries are: one seq for each that was sent; `created` counts the new ones."""

    version: Version
    first_seq: Seq
    last_seq: Seq
    seqs: list[Seq]
    created: int
    ignored: (
        Annotated[
            list[str],
            Meta(description="With `format`: members of the request that are no conversation."),
        ]
        | UnsetType
    ) = UNSET


class Entries(Struct):
    """A page of entries; `next` is the seq to go on from."""

    items: list[Entry]
    next: Seq | None
    stale: Stale | UnsetType = UNSET


class Loss(Struct):
    """What of an entry the messages do not carry (`dropped`), or carry in another form.

    `pointer` is a JSON Pointer into the entry of that `seq`.
    """

    seq: Seq
    pointer: str
    detail: str
    dropped: bool


class Messages(Struct):
    """A page of entries in the form of a provider's API; `next` is the seq to go on from."""

    input: Object
    losses: list[Loss]
    next: Seq | None
    stale: Stale | UnsetType = UNSET
