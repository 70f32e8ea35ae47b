"""Changing a few bytes of content: it is cut anew around the edits, and nowhere else."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate

from backstory import limits
from backstory.clock import Clock
from backstory.contexts import access
from backstory.contexts.contents.fetching import Content, Fetcher
from backstory.contexts.contents.storing import Upload
from backstory.contexts.writing import Intent, Retry, Writer
from backstory.domain.chunking import MAX_BYTES, Chunk, Chunker
from backstory.domain.commits import Conditions, Outcome, PutContent
from backstory.domain.content import ChunkRef, Hold, Manifest, NewContent
from backstory.domain.contexts import missing
from backstory.domain.edits import Edit, check_edits
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.policy import Verb, Visibility
from backstory.domain.principals import Principal
from backstory.errors import VersionConflictError
from backstory.ports.store import Store

Read = Callable[[int, int], Awaitable[bytes]]


class Editor:
    """Edits for those who may write."""

    def __init__(self, store: Store, fetcher: Fetcher, writer: Writer, clock: Clock) -> None:
        self._store = store
        self._fetcher = fetcher
        self._writer = writer
        self._clock = clock

    async def patch(
        self,
        principal: Principal,
        key: ContextKey,
        edits: Sequence[Edit],
        conditions: Conditions,
        retry: Retry | None = None,
    ) -> Outcome:
        """Apply the edits to the content as it stands.

        Raises:
            MissingError, DeniedError: there is no such content, or the caller may not.
            PatchConflictError: an edit does not fit the content.
            BackstoryError: what `Writer.write` raises.
        """
        access.require(principal, Verb.WRITE, key)
        known = await self._writer.recall(principal, retry, key)
        if known is not None:
            return known
        for _ in range(limits.CONTENT_ATTEMPTS - 1):
            try:
                return await self._attempt(principal, key, edits, conditions, retry)
            except VersionConflictError:
                continue  # somebody else was faster; the edits go on top of theirs
        return await self._attempt(principal, key, edits, conditions, retry)

    async def _attempt(
        self,
        principal: Principal,
        key: ContextKey,
        edits: Sequence[Edit],
        conditions: Conditions,
        retry: Retry | None,
    ) -> Outcome:
        content = await self._standing(principal, key)
        checked = check_edits(edits, content.ref.size)
        quota = await self._writer.quotas.of(principal.tenant)
        upload = Upload(self._store, principal.tenant, key, quota)
        try:
            old = await self._store.manifest(principal.tenant, content.ref.root)
            rewriting = await asyncio.to_thread(Rewriting, old, content.read, upload)
            manifest = await rewriting.run(checked)
            # What the old content holds may be used again; it is this context's own.
            hold = Hold(upload.holder, Visibility((NamespacePattern(key.namespace, below=False),)))
            new = NewContent(manifest, content.ref.media_type, hold)
            return await self._writer.write(
                principal,
                [Intent(Verb.WRITE, key)],
                lambda: [PutContent(key, new, content.ref.root, conditions)],
                retry,
            )
        finally:
            await asyncio.shield(self._store.let_go(principal.tenant, upload.holder))

    async def _standing(self, principal: Principal, key: ContextKey) -> Content:
        snapshot = await self._store.snapshot(principal.tenant, key)
        if snapshot is None or not snapshot.head.alive_by(self._clock):
            raise missing(key)
        return self._fetcher.of(principal, snapshot.head)


class Rewriting:
    """The chunks of edited content, made of the old ones and of as few new ones as will do.

    Where a new cut falls on an old one behind an edit, all cuts from there on are the old
    ones, too, until the next edit.
    """

    def __init__(self, old: Manifest, read: Read, upload: Upload) -> None:
        self._old = list(old)
        self._read = read
        self._upload = upload
        ends = list(accumulate(ref.size for ref in self._old))
        self._size = ends[-1] if ends else 0
        self._starts = [0, *ends[:-1]]
        self._inner = frozenset(ends[:-1])
        self._fresh: list[Chunk] = []

    async def run(self, edits: Sequence[Edit]) -> Manifest:
        """The manifest of the edited content; its new chunks are kept."""
        refs: list[ChunkRef] = []
        done = 0  # old chunks that are behind us
        waiting = deque(edits)
        while waiting:
            first = bisect_right(self._starts, waiting[0].offset) - 1
            refs += self._old[done:first]
            new, stop = await self._around(self._starts[first], waiting)
            refs += new
            done = len(self._old) if stop == self._size else bisect_right(self._starts, stop) - 1
        await self._keep()
        return await asyncio.to_thread(Manifest.of, [*refs, *self._old[done:]])

    async def _around(self, place: int, edits: deque[Edit]) -> tuple[list[ChunkRef], int]:
        """New chunks from an old one's start on, and the old offset at which they end.

        Takes the edits that it has done from the queue.
        """
        chunker = Chunker()
        refs: list[ChunkRef] = []
        fed = cut = edited = 0  # bytes of the new content, from here on
        while edits or place < self._size:
            stop = self._end_of_chunk(place)
            if edits and edits[0].offset <= stop:
                edit = edits.popleft()
                data = await self._read(place, edit.offset) + edit.insert
                place = edit.end
                edited = fed + len(data)
            else:
                data = await self._read(place, stop)
                place = stop
            fed += len(data)
            for chunk in await _feed(chunker, data):
                cut += chunk.ref.size
                refs.append(await self._take(chunk))
                if cut >= edited and (at := place - (fed - cut)) in self._inner:
                    return refs, at
        return refs + [await self._take(chunk) for chunk in chunker.finish()], self._size

    def _end_of_chunk(self, place: int) -> int:
        """Where the old chunk ends that holds the byte at `place`."""
        index = bisect_right(self._starts, place)
        return self._starts[index] if index < len(self._starts) else self._size

    async def _take(self, chunk: Chunk) -> ChunkRef:
        self._fresh.append(chunk)
        if sum(one.ref.size for one in self._fresh) >= limits.CONTENT_FEED_BYTES:
            await self._keep()
        return chunk.ref

    async def _keep(self) -> None:
        await self._upload.keep(self._fresh)
        self._fresh = []


async def _feed(chunker: Chunker, data: bytes) -> list[Chunk]:
    if len(data) <= MAX_BYTES:
        return chunker.feed(data)
    return await asyncio.to_thread(chunker.feed, data)
