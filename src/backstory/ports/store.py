"""The store: the one place of truth.

**Atomic and durable.** `commit` has happened as a whole, and survives a crash of the process
and of the machine, when it returns; when it raises, nothing of it has, but for
`OutcomeUnknownError`. **Ordered.** A tenant's positions are handed out in commit order without
gaps, a context's versions and seqs likewise. **Linearizable.** A read that begins after a
commit was acknowledged, on any node, sees it. **Apart.** Nothing of another tenant is ever
read, counted or ranked. **Decided elsewhere.** What a commit does is `domain.planning.plan`;
a store loads, calls and writes.

Every method raises from the tree of `backstory.errors` only: `StoreUnavailableError`,
`StoreCorruptError`, `StoreFullError`, `OutcomeUnknownError` where the store cannot do its
work, beside what is named below. Cancelling a caller never undoes half of a commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from backstory.domain.chains import Chain
from backstory.domain.changes import Change
from backstory.domain.chunking import Chunk
from backstory.domain.commits import Commit, Idempotency, Outcome
from backstory.domain.content import Hold, Manifest
from backstory.domain.contexts import Head, Snapshot, Tag
from backstory.domain.entries import Entry, Outline
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Visibility
from backstory.domain.summaries import Summary


@dataclass(frozen=True, slots=True)
class View:
    """A context at one version: head, state, and the chain of its visible entries."""

    snapshot: Snapshot
    chain: Chain


@dataclass(frozen=True, slots=True)
class EntryQuery:
    """Entries with `after < seq < before`, at most `limit` of them and about `max_bytes`.

    The first entry is given whatever its size, so that a reader always gets on.
    """

    after: int = 0
    before: int = 2**32
    limit: int = 50
    max_bytes: int = 2**20
    descending: bool = False


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries in the order asked for; `more` tells whether there are others behind them."""

    entries: tuple[Entry, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What tells whether a copy of a context is as the context stands.

    Equal tags mean an equal view, but for `history_from`, which `forget` moves on its own.
    """

    tag: Tag
    history_from: int


@dataclass(frozen=True, slots=True)
class OutlineQuery:
    """Entries with `seq < before` from the newest back, at most `limit` of them.

    The page may end behind the entry with which the tokens that are stored pass `max_tokens`.
    """

    before: int = 2**32
    limit: int = 50
    max_tokens: int = 2**32


@dataclass(frozen=True, slots=True)
class OutlinePage:
    """Outlines, the newest first; `more` tells whether there are entries before them."""

    outlines: Sequence[Outline]
    more: bool


@dataclass(frozen=True, slots=True)
class HeadQuery:
    """Living contexts, in order of namespace and name (by bytes), behind `after`.

    `schema_below` asks for those whose state was ruled by an earlier version of its kind.
    """

    visible: Visibility
    kind: str | None = None
    label: str | None = None
    updated_since: int | None = None
    after: ContextKey | None = None
    limit: int = 50
    schema_below: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeQuery:
    """Changes behind a position in order, to about `limit`; a commit is never split.

    Changes of purged contexts have no key and are shown to those who see everything.
    """

    visible: Visibility
    after: int
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Visible changes, and the position up to which the log was looked through.

    An empty page may move on. `more` tells whether the log goes on behind `position`.
    """

    changes: tuple[Change, ...]
    position: int
    more: bool


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Full text: every term has to occur, `"a phrase"` in order, `word*` as a beginning.

    `terms` are phrases, each a tuple of words as they were typed; the last word of a phrase
    may end in `*`. Without terms, whatever else matches is found, the newest first.
    With `entries_of`, only entries of that context are looked at, the newest first, at a cost
    that follows its own matches and not those of others.
    """

    visible: Visibility
    terms: tuple[str, ...]
    kind: str | None = None
    label: str | None = None
    candidates: int = 2000
    entries_of: ContextKey | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A state (`seq` None) or a visible entry that matches, with what ranking needs.

    `frequencies` counts each term in the text, `length` the bytes of the state or content
    that it is in. `at` is when the entry was written or the context last changed.
    """

    head: Head
    seq: int | None
    frequencies: tuple[int, ...]
    length: int
    at: int


@dataclass(frozen=True, slots=True)
class MatchText:
    """The whole text behind a match; each highlight is a (start, end) pair of characters."""

    text: str
    highlights: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a tenant's change log stands: its epoch, and the oldest and newest positions.

    `oldest` is the position before the first change that is still kept.
    """

    epoch: str
    oldest: int
    newest: int


class Commits(Protocol):
    """Writing. The only way in."""

    async def commit(self, commit: Commit) -> Outcome:
        """Do all operations or none, by `domain.planning`.

        A known idempotency key answers the first outcome again (`replayed`), before anything
        else is looked at. A context whose time is over is expired first, by a commit of its
        own. A redaction reaches every context that shows the entry, and every summary that
        covers it where one context shows both, now or in its kept past; so with summaries of
        summaries. A purge leaves no row with text when it returns, and no byte of it in files
        that are the store's own, forks excepted, which stay whole.
        The kinds that the commit names stand as it says, in the same transaction.

        Raises:
            StaleRulesError: a kind was registered anew since the commit was prepared.
            KeyReusedError: the idempotency key is known with another request.
            BackstoryError: whatever `domain.planning.plan` raises.
        """
        ...

    async def replay(self, tenant: str, idempotency: Idempotency) -> Outcome | None:
        """The outcome of a known retry, so that it can be answered before validation.

        Raises:
            KeyReusedError: the key is known with another request.
        """
        ...

    async def forget(self, tenant: str, key: ContextKey, before: int) -> Head:
        """Let the versions below `before` go: documents, changes and entries only they show.

        Makes no version. Returns the head, with its new `history_from`.

        Raises:
            MissingError: there is no such context.
            GoneError: `before` is above the present version.
        """
        ...

    async def sweep(self, now: int) -> int:
        """Expire contexts whose time is over, drop old idempotency keys, notes and uploads.

        Does at most `limits.SWEEP_CONTEXTS` and `limits.SWEEP_UPLOADS`; returns how many
        contexts it expired.
        """
        ...


class Reads(Protocol):
    """Reading one context."""

    async def snapshot(self, tenant: str, key: ContextKey) -> Snapshot | None:
        """The context as it stands, tombstones and expired ones included; None if unknown."""
        ...

    async def view(self, tenant: str, key: ContextKey, at: int | None = None) -> View | None:
        """The context as it stands or stood, with its chain; None if the name is unknown.

        At an earlier version the head is as it was then (`deleted` where that version is a
        deletion). Entries redacted since are markers.

        Raises:
            GoneError: `at` is above the present version or below `history_from`.
        """
        ...

    async def view_and_page(
        self, tenant: str, key: ContextKey, query: EntryQuery
    ) -> tuple[View, EntryPage] | None:
        """The context as it stands with some of its entries; None if the name is unknown."""
        ...

    async def standings(self, tenant: str, keys: Sequence[ContextKey]) -> Sequence[Standing | None]:
        """How each of these names stands, tombstones included; None for unknown ones.

        Cheap beside everything else: made for asking each time before a copy is believed. A
        store may put the questions of many callers together, but never sends one before it
        was asked, so that whoever asks after a commit was acknowledged sees it.
        """
        ...

    async def page(self, tenant: str, chain: Chain, query: EntryQuery) -> EntryPage:
        """Entries of a chain. Those erased meanwhile are left out."""
        ...

    async def outline(self, tenant: str, chain: Chain, query: OutlineQuery) -> OutlinePage:
        """Entries of a chain without their content, as `page` has them."""
        ...

    async def summaries(
        self, tenant: str, chain: Chain, before: int, limit: int
    ) -> Sequence[Summary]:
        """The newest summaries of a chain with `seq < before` that have their text."""
        ...

    async def origin(self, tenant: str, log: int) -> ContextKey | None:
        """The context that began a log; None where it was purged."""
        ...


class Contents(Protocol):
    """The bytes of content, in chunks that are kept once for each tenant.

    A chunk stays while content of any kept version names it, and while an upload holds it:
    until its holder's content is committed, it is let go, its context is purged, or
    `limits.UPLOAD_SECONDS` are over. What nothing holds any more leaves no byte behind where a
    purge or `forget` took the last hold away.
    """

    async def keep_chunks(
        self, tenant: str, key: ContextKey, holder: bytes, chunks: Sequence[Chunk]
    ) -> None:
        """Keep chunks that are meant for a context, in one transaction.

        The caller sees to it that they are as many bytes as a transaction should have. A store
        may pass `limits.UPLOADS_BYTES` by `limits.UPLOADS_COUNT_BYTES` for each of its nodes.

        Raises:
            MissingError: there is no such living context.
            UploadsFullError: the tenant's chunks that no content names are over their bound.
        """
        ...

    async def let_go(self, tenant: str, holder: bytes) -> None:
        """Take a holder's uploads back."""
        ...

    async def held_chunks(
        self, tenant: str, hold: Hold, hashes: Sequence[bytes]
    ) -> frozenset[bytes]:
        """Which of these chunks the holder has uploaded, or what is visible to it contains.

        Of others it is not told whether they are kept.
        """
        ...

    async def manifest(self, tenant: str, root: bytes) -> Manifest:
        """All chunks of content.

        Raises:
            MissingError: it is not kept any more.
            ContentCorruptError: it is damaged.
        """
        ...

    async def read_content(self, tenant: str, root: bytes, start: int, stop: int) -> bytes:
        """Bytes of content from `start` on, about `limits.CONTENT_READ_BYTES`, not past `stop`.

        Touches the chunks that hold them and no others. Each is compared with its hash.

        Raises:
            MissingError, ContentCorruptError: as `manifest`; a chunk is damaged.
        """
        ...

    async def read_chunk(self, tenant: str, root: bytes, chunk: bytes) -> bytes | None:
        """One chunk of content by its hash; None where the content does not have it.

        Raises:
            MissingError, ContentCorruptError: as `read_content`.
        """
        ...


class Changes(Protocol):
    """Reading the change log."""

    async def mark(self, tenant: str) -> Mark:
        """Where the log stands; zeros for a tenant without changes."""
        ...

    async def changes(self, tenant: str, query: ChangeQuery) -> ChangePage:
        """Changes of all contexts, in order of position."""
        ...

    async def versions(
        self,
        tenant: str,
        key: ContextKey,
        *,
        after: int,
        before: int,
        limit: int,
        newest_first: bool,
    ) -> Sequence[Change]:
        """One context's changes with `after < version < before`."""
        ...

    async def version_at(self, tenant: str, key: ContextKey, last_seq: int) -> int:
        """The latest version after which no seq above `last_seq` had been handed out."""
        ...

    async def redactions(
        self, tenant: str, key: ContextKey, after: int, upto: int
    ) -> Sequence[int]:
        """The seqs redacted with `after < version <= upto`, in order, each once."""
        ...


class Finds(Protocol):
    """Finding contexts."""

    async def heads(self, tenant: str, query: HeadQuery) -> Sequence[Head]:
        """Heads of living contexts."""
        ...

    async def tenants(self, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Names of tenants that have had a commit, in order (by bytes), behind `after`."""
        ...

    async def matches(self, tenant: str, query: SearchQuery) -> Sequence[Match]:
        """Matching states and visible entries of living contexts, to `query.candidates`.

        Visibility, kind and label are applied before anything is counted.
        """
        ...

    async def match_text(
        self, tenant: str, match: Match, terms: tuple[str, ...]
    ) -> MatchText | None:
        """The text of one match; None where it is gone meanwhile."""
        ...


class Notes(Protocol):
    """Small facts with an end, shared by all nodes: sessions ended, subscriptions held."""

    async def put_note(self, tenant: str, name: str, value: bytes, expires_at: int) -> None:
        """Keep or replace a note until `expires_at`."""
        ...

    async def swap_note(
        self, tenant: str, name: str, before: bytes | None, value: bytes, expires_at: int
    ) -> bool:
        """`put_note`, if the note still is `before` (None: there is none), and whether it was."""
        ...

    async def get_note(self, tenant: str, name: str) -> bytes | None:
        """The note, or None when there is none or its time is over."""
        ...

    async def delete_note(self, tenant: str, name: str) -> None:
        """Drop the note; nothing where there is none."""
        ...


class Store(Commits, Reads, Contents, Changes, Finds, Notes, Protocol):
    """All of it, and the life of the store itself."""

    @property
    def epoch(self) -> str:
        """The name of this life of the store; a restore begins another."""
        ...

    @property
    def first_epoch(self) -> bool:
        """Whether the store has had no other epoch, so that ETags need not name it."""
        ...

    @property
    def secret(self) -> bytes:
        """32 bytes made at the store's first start, for cursors and keyed hashes."""
        ...

    async def check(self) -> None:
        """Raise a `StoreError` when reading or writing would fail now."""
        ...

    async def aclose(self) -> None:
        """Finish what was accepted, then let go of everything. May be called twice."""
        ...
