"""What is kept in a cache of a context, as bytes.

The first byte is the format; what another release wrote, or what cannot be read, is as good as
not there. Names are not in them: whoever finds a body knows what it asked for. `read_at` is
when the store said so at the latest, in microseconds since the Unix epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from backstory.caching.tails import Tail
from backstory.domain.chains import Chain, Piece
from backstory.domain.content import ContentRef
from backstory.domain.contexts import Head, Snapshot
from backstory.domain.entries import Entry
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Author, Trust
from backstory.ports.store import View

_FORMAT: Final = b"\x01"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Copy:
    """A view as it was at `read_at`."""

    view: View
    read_at: int


class _View(Struct, array_like=True):
    read_at: int
    id: bytes
    kind: str
    version: int
    commit: bytes
    state_version: int
    content_version: int
    labels: tuple[str, ...] | dict[str, str]
    entry_count: int
    last_seq: int
    author: tuple[str, Trust]
    created_at: int
    updated_at: int
    expires_at: int | None
    deleted: bool
    born: int
    history_from: int
    content: tuple[bytes, str, int] | None
    schema_version: int
    pieces: tuple[tuple[int, int, int], ...]
    state: bytes


class _Entry(Struct, array_like=True):
    seq: int
    id: str
    role: str
    type: str
    content: bytes
    metadata: bytes | None
    author: tuple[str, Trust]
    version: int
    created_at: int
    tokens: int | None


class _Tail(Struct, array_like=True):
    seqs: list[int]
    sizes: list[int]
    more: bool
    entries: list[Raw]


_ENCODER: Final = msgspec.msgpack.Encoder()
_VIEWS: Final = msgspec.msgpack.Decoder(_View)
_TAILS: Final = msgspec.msgpack.Decoder(_Tail)
_ENTRIES: Final = msgspec.msgpack.Decoder(_Entry)


def encode_view(view: View, read_at: int) -> bytes:
    head = view.snapshot.head
    content = head.content
    return _FORMAT + _ENCODER.encode(
        _View(
            read_at,
            head.id,
            head.kind,
            head.version,
            head.commit,
            head.state_version,
            head.content_version,
            head.labels if isinstance(head.labels, tuple) else dict(head.labels),
            head.entry_count,
            head.last_seq,
            (head.author.subject, head.author.trust),
            head.created_at,
            head.updated_at,
            head.expires_at,
            head.deleted,
            head.born,
            head.history_from,
            (content.root, content.media_type, content.size) if content else None,
            head.schema_version,
            tuple((piece.log, piece.first, piece.last) for piece in view.chain.pieces),
            view.snapshot.state,
        )
    )


def decode_view(key: ContextKey, body: bytes) -> Copy | None:
    """The view of the context that was asked for; None where the body cannot be read."""
    kept = _decoded(_VIEWS, body)
    if kept is None:
        return None
    head = Head(
        kept.id,
        key,
        kept.kind,
        kept.version,
        kept.commit,
        kept.state_version,
        kept.content_version,
        kept.labels,
        kept.entry_count,
        kept.last_seq,
        Author(*kept.author),
        kept.created_at,
        kept.updated_at,
        kept.expires_at,
        kept.deleted,
        kept.born,
        kept.history_from,
        ContentRef(*kept.content) if kept.content else None,
        kept.schema_version,
    )
    chain = Chain(tuple(Piece(*piece) for piece in kept.pieces))
    return Copy(View(Snapshot(head, kept.state), chain), kept.read_at)


def encode_tail(tail: Tail) -> bytes:
    entries = [Raw(_ENCODER.encode(_packed(entry))) for entry in tail.entries_of(tail.all)]
    return _FORMAT + _ENCODER.encode(_Tail([*tail.seqs], [*tail.sizes], tail.more, entries))


def decode_tail(body: bytes) -> Tail | None:
    """The tail; its entries are not looked at before they are wanted."""
    kept = _decoded(_TAILS, body)
    if kept is None or not len(kept.seqs) == len(kept.sizes) == len(kept.entries):
        return None
    raw = kept.entries
    return Tail(kept.seqs, kept.sizes, lambda place: _unpacked(raw[place]), more=kept.more)


def _packed(entry: Entry) -> _Entry:
    return _Entry(
        entry.seq,
        entry.id,
        entry.role,
        entry.type,
        entry.content,
        entry.metadata,
        (entry.author.subject, entry.author.trust),
        entry.version,
        entry.created_at,
        entry.tokens,
    )


def _unpacked(raw: Raw) -> Entry:
    kept = _ENTRIES.decode(raw)
    return Entry(
        kept.seq,
        kept.id,
        kept.role,
        kept.type,
        kept.content,
        kept.metadata,
        Author(*kept.author),
        kept.version,
        kept.created_at,
        kept.tokens,
    )


def _decoded(decoder: msgspec.msgpack.Decoder[_T], body: bytes) -> _T | None:
    if body[:1] != _FORMAT:
        return None
    try:
        return decoder.decode(memoryview(body)[1:])
    except (msgspec.DecodeError, ValueError):
        return None
