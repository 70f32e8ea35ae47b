"""What the model of a store remembers: every version whole, nothing clever."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from backstory.domain.changes import Change
from backstory.domain.commits import Idempotency, Outcome
from backstory.domain.content import Hold, Manifest
from backstory.domain.contexts import Head
from backstory.domain.effects import Effect
from backstory.domain.entries import REDACTED, REDACTED_CONTENT, Entry, derived_id
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Visibility
from backstory.domain.principals import Author
from backstory.ports.store import View


@dataclass(slots=True)
class Record:
    """One context with all versions that can be read; `key` None after a purge."""

    number: int
    key: ContextKey | None
    first_key: ContextKey
    version: int = 0
    last_seq: int = 0
    history_from: int = 1
    views: dict[int, View] = field(default_factory=dict)

    @property
    def view(self) -> View:
        return self.views[self.version]

    @property
    def head(self) -> Head:
        return self.view.snapshot.head


@dataclass(slots=True)
class Kept:
    """An entry and whether its text was taken out."""

    entry: Entry
    redacted: bool = False

    def redact(self) -> None:
        self.redacted = True
        self.entry = self.entry._replace(
            type=REDACTED, content=REDACTED_CONTENT, metadata=None, tokens=None
        )


@dataclass(slots=True)
class Tenant:
    """All that one tenant has."""

    records: list[Record] = field(default_factory=list)
    entries: dict[tuple[int, int], Kept] = field(default_factory=dict)
    changes: list[tuple[int, Change]] = field(default_factory=list)
    position: int = 0
    chunks: dict[bytes, bytes] = field(default_factory=dict)
    uploads: dict[tuple[bytes, bytes, int], int] = field(default_factory=dict)
    manifests: dict[bytes, Manifest] = field(default_factory=dict)
    retries: dict[bytes, tuple[Idempotency, Outcome, int]] = field(default_factory=dict)

    def find(self, key: ContextKey) -> Record | None:
        return next((record for record in self.records if record.key == key), None)

    def left_over(self, key: ContextKey) -> tuple[int, int]:
        """Version and last seq that a purged name goes on from."""
        purged = [r for r in self.records if r.key is None and r.first_key == key]
        return (purged[-1].version, purged[-1].last_seq) if purged else (0, 0)

    def living(self, now: int) -> Iterable[Record]:
        return (r for r in self.records if r.key is not None and r.head.alive(now))

    def drop_unseen(self) -> None:
        """Let go of the entries that no kept version of any context shows."""
        chains = [view.chain for r in self.records for view in r.views.values()]
        self.entries = {
            place: kept
            for place, kept in self.entries.items()
            if any(chain.shows(*place) for chain in chains)
        }

    def roots(self, visible: Visibility | None = None) -> set[bytes]:
        """What the kept versions of contexts have as content."""
        contents = [
            view.snapshot.head.content
            for record in self.records
            if record.key and (visible is None or visible.shows(record.key.namespace))
            for view in record.views.values()
        ]
        return {content.root for content in contents if content is not None}

    def may_use(self, hold: Hold) -> set[bytes]:
        """The chunks that somebody may put together by their names."""
        visible = [self.manifests[root] for root in self.roots(hold.visible)]
        uploaded = {chunk for holder, chunk, _ in self.uploads if holder == hold.holder}
        return uploaded | {ref.hash for manifest in visible for ref in manifest}

    def drop_unheld(self) -> None:
        """Let go of the manifests that nothing shows, and of the chunks that nothing holds."""
        roots = self.roots()
        self.manifests = {root: one for root, one in self.manifests.items() if root in roots}
        held = {ref.hash for manifest in self.manifests.values() for ref in manifest}
        held |= {chunk for _, chunk, _ in self.uploads}
        self.chunks = {chunk: data for chunk, data in self.chunks.items() if chunk in held}


def new_entries(author: Author, effect: Effect) -> Iterable[Entry]:
    """The entries an effect appends, as they will be read."""
    head = effect.after.head
    first = head.last_seq - len(effect.appended) + 1
    for seq, new in enumerate(effect.appended, first):
        yield Entry(
            seq,
            derived_id(seq) if new.id is None else new.id,
            new.role,
            new.type,
            new.content,
            new.metadata,
            author,
            head.version,
            head.updated_at,
            new.tokens,
        )
