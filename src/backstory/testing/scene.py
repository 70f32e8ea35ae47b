"""Short sentences for tests of a store: who does what to which context, and what is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from backstory import ids
from backstory.domain.changes import Change
from backstory.domain.chunking import Chunk, cut
from backstory.domain.commits import (
    ALWAYS,
    Append,
    Commit,
    Conditions,
    Delete,
    Fork,
    Idempotency,
    Operation,
    Outcome,
    Patch,
    Purge,
    Put,
    PutContent,
    Redact,
    Restore,
    Result,
)
from backstory.domain.content import Hold, Manifest, NewContent
from backstory.domain.contexts import Labels
from backstory.domain.entries import MESSAGE, Entry, NewEntry
from backstory.domain.keys import EVERYWHERE, ContextKey, NamespacePattern
from backstory.domain.kinds import CONVERSATION
from backstory.domain.patches import JsonPatch, MergePatch
from backstory.domain.policy import Visibility
from backstory.domain.principals import Author, Trust
from backstory.domain.summaries import SUMMARY, Summary
from backstory.ports.store import ChangeQuery, EntryQuery, SearchQuery, Store, View
from backstory.testing.clock import FakeClock

ANNA = Author("anna", Trust.USER)
HOLDER = b"anna's hold 16 b"
ROBOT = Author("robot", Trust.AGENT)
ALL = Visibility((EVERYWHERE,))


def key(text: str) -> ContextKey:
    """`chat` is short for `users.1/chat`."""
    return ContextKey.parse(text if "/" in text else f"users.1/{text}")


def sees(*patterns: str) -> Visibility:
    """What somebody sees who may read these namespaces."""
    return Visibility(tuple(NamespacePattern.parse(pattern) for pattern in patterns))


def entry(text: str, entry_id: str | None = None, **more: Any) -> NewEntry:
    """A message of a user."""
    metadata = orjson.dumps(more["metadata"]) if "metadata" in more else None
    role, kind = more.get("role", "user"), more.get("type", MESSAGE)
    return NewEntry(role, kind, orjson.dumps(text), metadata, entry_id, more.get("tokens"))


def summary(text: str, first: int, last: int) -> NewEntry:
    """What stands in for the entries from seq `first` to `last`."""
    return entry(text, role="assistant", type=SUMMARY, metadata={"covers": [first, last]})


@dataclass(slots=True)
class Scene:
    """One tenant of a store under test, at times that the clock sets."""

    store: Store
    clock: FakeClock
    tenant: str = "acme"

    def commit(
        self,
        *operations: Operation,
        author: Author = ANNA,
        idempotency: Idempotency | None = None,
        commit_id: bytes | None = None,
    ) -> Commit:
        """A commit that happens a microsecond after the last."""
        now = self.clock.advance(micros=1)
        named = commit_id or ids.commit_id()
        return Commit(self.tenant, named, author, now, operations, idempotency)

    async def do(
        self,
        *operations: Operation,
        author: Author = ANNA,
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Have it done as one."""
        wanted = self.commit(*operations, author=author, idempotency=idempotency)
        return await self.store.commit(wanted)

    async def one(self, operation: Operation, author: Author = ANNA) -> Result:
        """Have one operation done."""
        return (await self.do(operation, author=author)).results[0]

    # -- verbs -------------------------------------------------------------------------

    async def put(
        self,
        name: str,
        state: Mapping[str, Any] | None = None,
        *,
        kind: str | None = CONVERSATION,
        labels: Labels = (),
        expires_at: int | None = None,
        conditions: Conditions = ALWAYS,
    ) -> Result:
        encoded = orjson.dumps(state or {})
        put = Put(key(name), kind, encoded, labels, expires_at, conditions)
        return await self.one(put)

    async def patch(self, name: str, patch: Any, *, conditions: Conditions = ALWAYS) -> Result:
        """A list is an RFC 6902 patch, an object an RFC 7396 one."""
        applied = JsonPatch.of(patch) if isinstance(patch, list) else MergePatch(patch)
        return await self.one(Patch(key(name), applied, conditions))

    async def append(
        self,
        name: str,
        *texts: str | NewEntry,
        author: Author = ANNA,
        conditions: Conditions = ALWAYS,
    ) -> Result:
        entries = tuple(entry(text) if isinstance(text, str) else text for text in texts)
        return await self.one(Append(key(name), entries, conditions), author)

    async def delete(self, name: str) -> Result:
        return await self.one(Delete(key(name)))

    async def purge(self, name: str) -> Result:
        return await self.one(Purge(key(name)))

    async def redact(self, name: str, seq: int) -> Result:
        return await self.one(Redact(key(name), seq))

    async def restore(self, name: str, version: int) -> Result:
        return await self.one(Restore(key(name), version))

    async def fork(self, source: str, target: str, at: int | None = None) -> Result:
        return await self.one(Fork(key(target), key(source), at))

    async def keep(self, name: str, data: bytes, holder: bytes = HOLDER) -> list[Chunk]:
        """Upload the chunks of some content."""
        chunks = cut(data)
        await self.store.keep_chunks(self.tenant, key(name), holder, chunks)
        return chunks

    async def put_content(
        self, name: str, data: bytes, media_type: str = "text/plain", base: bytes | None = None
    ) -> Result:
        manifest = Manifest.of(chunk.ref for chunk in await self.keep(name, data))
        content = NewContent(manifest, media_type, Hold(HOLDER))
        return await self.one(PutContent(key(name), content, base))

    # -- what is seen ------------------------------------------------------------------

    async def view(self, name: str, at: int | None = None) -> View:
        view = await self.store.view(self.tenant, key(name), at)
        assert view is not None
        return view

    async def state(self, name: str, at: int | None = None) -> Any:
        """The state, or None where the version is a deletion."""
        snapshot = (await self.view(name, at)).snapshot
        return None if snapshot.head.deleted else orjson.loads(snapshot.state)

    async def entries(self, name: str, at: int | None = None) -> Sequence[Entry]:
        """All visible entries."""
        chain = (await self.view(name, at)).chain
        page = await self.store.page(self.tenant, chain, EntryQuery(limit=10_000))
        assert not page.more
        return page.entries

    async def texts(self, name: str, at: int | None = None) -> list[str]:
        return [orjson.loads(one.content) for one in await self.entries(name, at)]

    async def seqs(self, name: str, at: int | None = None) -> list[int]:
        return [one.seq for one in await self.entries(name, at)]

    async def summaries(self, name: str, before: int = 2**32, limit: int = 100) -> list[Summary]:
        chain = (await self.view(name)).chain
        return list(await self.store.summaries(self.tenant, chain, before, limit))

    async def content(self, name: str, at: int | None = None) -> bytes | None:
        """All of the content."""
        ref = (await self.view(name, at)).snapshot.head.content
        if ref is None:
            return None
        whole = b""
        while len(whole) < ref.size:
            read = self.store.read_content
            whole += await read(self.tenant, ref.root, len(whole), ref.size)
        return whole

    async def changes(
        self, after: int = 0, *, visible: Visibility = ALL, limit: int = 1000
    ) -> Sequence[Change]:
        query = ChangeQuery(visible, after, limit)
        return (await self.store.changes(self.tenant, query)).changes

    async def versions(self, name: str) -> list[Change]:
        """All changes of one context, oldest first."""
        return list(
            await self.store.versions(
                self.tenant, key(name), after=0, before=2**53, limit=1000, newest_first=False
            )
        )

    async def found(self, *terms: str, visible: Visibility = ALL, **more: Any) -> set[str]:
        """What a search finds, as `chat` for a state and `chat#3` for an entry."""
        query = SearchQuery(visible, terms, **more)
        matches = await self.store.matches(self.tenant, query)
        names = [(match.head.key.name, match.seq) for match in matches]
        assert len(names) == len(set(names))
        return {name if seq is None else f"{name}#{seq}" for name, seq in names}
