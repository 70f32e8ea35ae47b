"""Writing and reading contexts, and the bytes of their content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from backstory.domain.chains import Chain
from backstory.domain.chunking import Chunk
from backstory.domain.commits import Commit, Idempotency, Outcome
from backstory.domain.content import Hold, Manifest
from backstory.domain.contexts import Head, Snapshot
from backstory.domain.keys import ContextKey
from backstory.domain.quotas import Quota, Usage
from backstory.domain.summaries import Summary
from backstory.ports.store.values import (
    EntryPage,
    EntryQuery,
    OutlinePage,
    OutlineQuery,
    Standing,
    View,
)


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
            QuotaError: it adds to what the tenant keeps, over the commit's quota.
            BackstoryError: whatever `domain.planning.plan` raises.
        """
        ...

    async def usage(self, tenant: str) -> Usage:
        """What the tenant keeps, counted in the transactions that changed it."""
        ...

    async def recount(self, tenant: str) -> Usage:
        """The same, counted anew over all that is kept, and remembered."""
        ...

    async def replay(
        self, tenant: str, idempotency: Idempotency, about: ContextKey | None = None
    ) -> Outcome | None:
        """The outcome of a known retry, so that it can be answered before validation.

        `about` is a context that the request would write, where that is known: what keeps it has
        to be asked, and who keeps others alone need not answer.

        Raises:
            KeyReusedError: the key is known with another request.
        """
        ...

    async def forget(
        self, tenant: str, key: ContextKey, before: int, act: tuple[int, bytes] | None = None
    ) -> Head:
        """Let the versions below `before` go: documents, changes and entries only they show.

        Makes no version. Returns the head, with its new `history_from`. `act` is kept for the
        audit trail with it (`ports.audits`).

        Raises:
            UnsealedError: there is an act, and changes that would go are not in the trail yet.
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

    def near(self, tenant: str, key: ContextKey) -> Snapshot | None:
        """What `snapshot` would tell, where that is known without asking anybody; else None."""
        ...

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
        self,
        tenant: str,
        key: ContextKey,
        holder: bytes,
        chunks: Sequence[Chunk],
        quota: Quota | None = None,
    ) -> None:
        """Keep chunks that are meant for a context, in one transaction.

        The caller sees to it that they are as many bytes as a transaction should have. A store
        may pass `limits.UPLOADS_BYTES` by `limits.UPLOADS_COUNT_BYTES` for each of its nodes.

        Raises:
            MissingError: there is no such living context.
            QuotaBytesError: they add to what the tenant keeps, over its quota.
            UploadsFullError: the tenant's chunks that no content names are over their bound.
        """
        ...

    async def let_go(self, tenant: str, holder: bytes) -> None:
        """Take a holder's uploads back."""
        ...

    async def held_chunks(
        self, tenant: str, key: ContextKey, hold: Hold, hashes: Sequence[bytes]
    ) -> frozenset[bytes]:
        """Which of these chunks the holder has uploaded, or what is visible to it contains.

        Of others it is not told whether they are kept, nor of those that the context cannot
        share because another key encrypts them.
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
