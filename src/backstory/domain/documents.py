"""What of a context is kept for the past: everything that a commit can replace.

Entries need no copy, they are never replaced. A document is valid from the version it was
made at until the next one; a store keeps the older ones small as it likes, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from msgspec import Struct

from backstory.domain.content import ContentRef
from backstory.domain.contexts import EMPTY_STATE, Head, Labels, Snapshot

_SEPARATOR = b"\n"


class Document(Struct, frozen=True):
    """State, kind, labels, expiry and what names the content, with the versions that belong to them."""

    kind: str
    labels: Labels
    expires_at: int | None
    state_version: int
    content_version: int
    created_at: int
    born: int
    deleted: bool
    state: bytes
    schema_version: int = 0
    content: ContentRef | None = None

    @property
    def written_at(self) -> tuple[int, ...]:
        """The versions that wrote its state and its content, where it has any."""
        state = () if self.state == EMPTY_STATE else (self.state_version,)
        return state if self.content is None else (*state, self.content_version)

    @classmethod
    def of(cls, snapshot: Snapshot) -> Document:
        head = snapshot.head
        return cls(
            head.kind,
            head.labels,
            head.expires_at,
            head.state_version,
            head.content_version,
            head.created_at,
            head.born,
            head.deleted,
            snapshot.state,
            head.schema_version,
            head.content,
        )

    def encode(self) -> bytes:
        """One line of JSON without the state, and the state's own bytes."""
        labels = dict(self.labels) if not isinstance(self.labels, tuple) else self.labels
        members: tuple[Any, ...] = (
            self.kind,
            labels,
            self.expires_at,
            self.state_version,
            self.content_version,
            self.created_at,
            self.born,
            self.deleted,
            self.schema_version,
        )
        if self.content is not None:  # without, the bytes are those of the first release
            members += (content_members(self.content),)
        return orjson.dumps(members) + _SEPARATOR + self.state

    @classmethod
    def decode(cls, raw: bytes) -> Document:
        line, _, state = raw.partition(_SEPARATOR)
        members = orjson.loads(line)
        kind, labels, expires_at, state_version, content_version, created_at, born = members[:7]
        if isinstance(labels, list):
            labels = tuple(labels)
        return cls(
            kind,
            labels,
            expires_at,
            state_version,
            content_version,
            created_at,
            born,
            members[7],
            state,
            members[8],
            content_of(members[9]) if len(members) > 9 else None,
        )


def content_members(content: ContentRef) -> tuple[str, str, int]:
    """A reference as JSON can hold it."""
    return content.root.hex(), content.media_type, content.size


def content_of(members: Sequence[Any]) -> ContentRef:
    root, media_type, size = members
    return ContentRef(bytes.fromhex(root), media_type, size)


def changes_document(before: Head, after: Head) -> bool:
    """Whether a commit left the old document behind, so that it has to be kept."""
    return (
        before.state_version != after.state_version
        or before.schema_version != after.schema_version
        or before.content_version != after.content_version
        or before.labels != after.labels
        or before.kind != after.kind
        or before.expires_at != after.expires_at
        or before.deleted != after.deleted
        or before.born != after.born
    )
