"""The change log, finding, notes, and the whole store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from backstory.clock import Clock
from backstory.domain.changes import Change
from backstory.domain.contexts import Head
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Author
from backstory.domain.subjects import Erasure
from backstory.ports.store.contexts import Commits, Contents, Reads
from backstory.ports.store.values import (
    ChangePage,
    ChangeQuery,
    HeadQuery,
    Mark,
    Match,
    MatchText,
    SearchQuery,
)

Gone = Callable[[Sequence[ContextKey]], Awaitable[None]]
"""Is told of contexts of which something was erased."""


class Changes(Protocol):
    """Reading the change log."""

    async def mark(self, tenant: str) -> Mark:
        """Where the log stands; zeros for a tenant without changes."""
        ...

    async def rights_marks(self, since: int) -> Sequence[tuple[str, bytes]]:
        """Tenants whose roles, bindings or quota were changed by a commit made since (microseconds).

        Each with the id of the last such commit, which is another after each of them.
        """
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

    async def list_notes(
        self, tenant: str, prefix: str, after: str = "", limit: int = 1000
    ) -> Sequence[tuple[str, bytes]]:
        """Names and values of notes whose names begin so and come behind `after`, by bytes."""
        ...

    async def delete_note(self, tenant: str, name: str) -> None:
        """Drop the note; nothing where there is none."""
        ...

    async def keep_apart(self, name: str, expires_at: int) -> None:
        """Keep a name until then beside the keys, apart from the data: a backup that is restored
        does not undo it."""
        ...

    async def kept_apart(self) -> Mapping[str, int]:
        """These names, and until when each is kept."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """What was kept of a subject in notes."""

    accounts: int = 0
    grants: int = 0


class Holder(Protocol):
    """Somebody who keeps something of subjects in a store's notes."""

    async def holds(self, tenant: str, subject: str, until: int) -> bool:
        """Whether there is anything of the subject that was begun until then."""
        ...

    async def forget(self, tenant: str, subject: str, until: int) -> Held:
        """Erase it, so that nothing that came from it is good any more; what it was."""
        ...


MakeHolder = Callable[[Notes, Clock], Holder]


class Erases(Protocol):
    """Erasing subjects: users and clients, with all that is in their namespace and below."""

    async def erase(
        self, tenant: str, subject: str, author: Author, gone: Gone | None = None
    ) -> Erasure:
        """Erase a subject, for good: every context, its past, content and words, and the keys;
        then what binds roles to it, and what holders keep of it.

        What others' forks show of its logs loses its text, in versions of their own; content that
        they took over is gone. Contexts that are made meanwhile stay. It may be called again: one
        that was interrupted goes on, one that is done is done anew for what came since. `gone` is
        told of the contexts that changed, before the call returns.
        """
        ...

    async def finish_erasures(self) -> int:
        """Go on with erasures that were interrupted, and repeat those that this store has not
        been through, since it was restored from a backup; how many there were."""
        ...

    async def erasure(self, tenant: str, subject: str) -> Erasure | None:
        """The newest erasure of a subject, None where there was none."""
        ...

    async def is_erased(self, erasure: Erasure) -> bool:
        """Whether nothing of what it was about is there any more."""
        ...


class Store(Commits, Reads, Contents, Changes, Finds, Notes, Erases, Protocol):
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
