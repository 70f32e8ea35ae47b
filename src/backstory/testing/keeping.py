"""How the model of a store keeps content: whole chunks in a dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backstory import limits
from backstory.clock import Clock
from backstory.domain import quotas
from backstory.domain.chunking import Chunk
from backstory.domain.content import Hold, Manifest, uploads_full
from backstory.domain.contexts import missing
from backstory.domain.keys import ContextKey
from backstory.domain.quotas import Quota, Usage
from backstory.errors import MissingError
from backstory.testing.records import Tenant


class Keeping:
    """`ports.store.Contents`, a part of the model."""

    _clock: Clock

    def _tenant(self, name: str) -> Tenant:
        raise NotImplementedError

    async def usage(self, tenant: str) -> Usage:
        """As a store without any encoding would keep it, with whole states of the past."""
        mine = self._tenant(tenant)
        records = [record for record in mine.records if record.key is not None]
        kept = (one.entry for one in mine.entries.values() if not one.redacted)
        entries = (len(entry.content) + len(entry.metadata or b"") for entry in kept)
        states = (quotas.state_bytes(view.snapshot) for r in records for view in r.views.values())
        size = sum(entries) + sum(states) + sum(map(len, mine.chunks.values()))
        return Usage(sum(quotas.lives(record.view.snapshot) for record in records), size)

    async def recount(self, tenant: str) -> Usage:
        return await self.usage(tenant)

    async def keep_chunks(
        self,
        tenant: str,
        key: ContextKey,
        holder: bytes,
        chunks: Sequence[Chunk],
        quota: Quota | None = None,
    ) -> None:
        mine, now = self._tenant(tenant), self._clock.now()
        record = mine.find(key)
        if record is None or not record.head.alive(now):
            raise missing(key)
        fresh = [chunk.data for chunk in chunks if chunk.ref.hash not in mine.chunks]
        named = {ref.hash for manifest in mine.manifests.values() for ref in manifest}
        waiting = {name for _, name, _ in mine.uploads} - named
        counted = _cost(mine.chunks[name] for name in waiting)
        if fresh and counted + _cost(fresh) > limits.UPLOADS_BYTES:
            raise uploads_full(counted)
        if quota is not None and not key.reserved:
            quotas.require(quota, await self.usage(tenant), Usage(bytes=sum(map(len, fresh))))
        for chunk in chunks:
            mine.chunks[chunk.ref.hash] = chunk.data
            mine.uploads[holder, chunk.ref.hash, record.number] = now

    async def let_go(self, tenant: str, holder: bytes) -> None:
        mine = self._tenant(tenant)
        mine.uploads = {key: at for key, at in mine.uploads.items() if key[0] != holder}
        mine.drop_unheld()

    async def held_chunks(
        self, tenant: str, key: ContextKey, hold: Hold, hashes: Sequence[bytes]
    ) -> frozenset[bytes]:
        del key  # all share in all
        return frozenset(hashes) & self._tenant(tenant).may_use(hold)

    async def manifest(self, tenant: str, root: bytes) -> Manifest:
        manifest = self._tenant(tenant).manifests.get(root)
        if manifest is None:
            raise MissingError("this content is not kept any more")
        return manifest

    async def read_content(self, tenant: str, root: bytes, start: int, stop: int) -> bytes:
        manifest = await self.manifest(tenant, root)
        chunks = self._tenant(tenant).chunks
        whole = b"".join(chunks[ref.hash] for ref in manifest)
        return whole[start : min(stop, start + limits.CONTENT_READ_BYTES)]

    async def read_chunk(self, tenant: str, root: bytes, chunk: bytes) -> bytes | None:
        manifest = await self.manifest(tenant, root)
        named = any(ref.hash == chunk for ref in manifest)
        return self._tenant(tenant).chunks[chunk] if named else None


def _cost(chunks: Iterable[bytes]) -> int:
    return sum(len(data) + limits.CHUNK_COST_BYTES for data in chunks)
