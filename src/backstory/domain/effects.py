"""What a store has to find before a commit is planned, and what it has to write after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from backstory.domain.chains import Chain, Span
from backstory.domain.changes import Op, Part
from backstory.domain.content import NewContent
from backstory.domain.contexts import Snapshot
from backstory.domain.documents import Document
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Trust


class Past(Struct, frozen=True):
    """A version to go back to or to fork from, with what it showed.

    `trust` is the least of those who wrote its state and its content.
    """

    key: ContextKey
    version: int
    document: Document
    chain: Chain
    trust: Trust


class Needs(Struct, frozen=True):
    """What has to be loaded beside the head before operations on one name are planned.

    Without `state` the snapshot's state is not looked at, whatever it holds, and is not written.
    """

    ids: frozenset[str] = frozenset()
    past: tuple[ContextKey, int | None] | None = None
    chain: bool = False
    redact: int | None = None
    content: NewContent | None = None
    state: bool = True


class Loaded(Struct, frozen=True):
    """What a store found.

    `snapshot` is the context as it stands, a tombstone included. Where the name was purged or
    never was, it is None, and `version` and `last_seq` say where a new context goes on from.
    `known` maps each asked id that a visible entry has to its seq. `redactable` tells whether
    the entry in question is visible and still has its text (None: no such entry).
    `past` is None where that version cannot be read; `source` is a fork's origin as it stands.
    `missing` are chunks of new content that are not kept, or not the caller's to use.
    """

    snapshot: Snapshot | None = None
    version: int = 0
    last_seq: int = 0
    known: Mapping[str, int] = {}
    chain: Chain | None = None
    past: Past | None = None
    source: Snapshot | None = None
    redactable: bool | None = None
    missing: Sequence[bytes] = ()


class ChainStart(Struct, frozen=True):
    """A chain's closed pieces; behind them the context's own log is open from `first`."""

    closed: Chain
    first: int


class Effect(Struct, frozen=True):
    """What a store has to write for one context. `before` is None for a new row.

    `redact` is an entry that loses its text, and with it all that was made of that text.

    `content` holds the manifest where the content that `after` names may be new to the store.
    """

    before: Snapshot | None
    after: Snapshot
    op: Op
    parts: Part
    seqs: tuple[Span, ...]
    appended: tuple[NewEntry, ...] = ()
    start: ChainStart | None = None
    purge: bool = False
    redact: int | None = None
    content: NewContent | None = None
