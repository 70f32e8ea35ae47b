"""Manifests and single chunks: whoever has most of the content already moves only the rest.

Which chunks are missing is judged by what the caller may read or has uploaded itself, so that
a hash neither tells what others stored nor hands it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backstory import limits
from backstory.contexts import access
from backstory.contexts.contents.fetching import Content, Fetcher
from backstory.contexts.quotas import Quotas
from backstory.domain import policy
from backstory.domain.chunking import Chunk
from backstory.domain.content import ChunkRef, Hold
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.errors import ChunkMismatchError, MissingError, SchemaError
from backstory.ports.store import Store


@dataclass(frozen=True, slots=True)
class ManifestPage:
    """Some chunks of content in their order; `following` is the place to go on from."""

    content: Content
    count: int
    chunks: Sequence[ChunkRef]
    following: int | None


class Transfer:
    """Moves chunks for those who may."""

    def __init__(self, store: Store, fetcher: Fetcher, seal: Seal, quotas: Quotas) -> None:
        self._store = store
        self._fetcher = fetcher
        self._seal = seal
        self._quotas = quotas

    async def manifest(
        self, principal: Principal, key: ContextKey, at: int | None, after: int, limit: int
    ) -> ManifestPage:
        """The chunks of content, from the place `after` on.

        Raises:
            MissingError, GoneError: as `Fetcher.open`.
            ContentCorruptError: the manifest is damaged.
        """
        content = await self._fetcher.open(principal, key, at)
        manifest = await self._store.manifest(principal.tenant, content.ref.root)
        chunks = list(manifest.between(after, after + limit))
        more = after + limit < manifest.count
        return ManifestPage(content, manifest.count, chunks, after + limit if more else None)

    def hold(self, principal: Principal) -> Hold:
        """What the caller may put together: its own uploads, and what it may read."""
        holder = self._seal.hash("holder", principal.tenant.encode(), principal.subject.encode())
        return Hold(holder, policy.visibility(principal))

    async def missing(
        self, principal: Principal, key: ContextKey, hashes: Sequence[bytes]
    ) -> list[bytes]:
        """Which of the chunks the caller would have to upload, each once.

        Raises:
            MissingError, DeniedError: the caller may not write there.
        """
        access.require(principal, Verb.WRITE, key)
        hold = self.hold(principal)
        held = await self._store.held_chunks(principal.tenant, key, hold, hashes)
        return [one for one in dict.fromkeys(hashes) if one not in held]

    async def put_chunk(
        self, principal: Principal, key: ContextKey, name: bytes, data: bytes
    ) -> None:
        """Keep one chunk for the caller, until a manifest names it.

        Raises:
            MissingError, DeniedError: there is no such context, or the caller may not.
            ChunkMismatchError: it has another hash.
            SchemaError: it is empty.
        """
        access.require(principal, Verb.WRITE, key)
        if not data:
            raise SchemaError(f"a chunk has 1 to {limits.CHUNK_BYTES} bytes")
        chunk = Chunk.of(data)
        if chunk.ref.hash != name:
            raise ChunkMismatchError(
                f"these {len(data)} bytes have the BLAKE3 hash {chunk.ref.hash.hex()}, not the "
                "one in the path; send them again",
                hash=chunk.ref.hash.hex(),
            )
        holder = self.hold(principal).holder
        quota = await self._quotas.of(principal.tenant)
        await self._store.keep_chunks(principal.tenant, key, holder, [chunk], quota)

    async def chunk(
        self, principal: Principal, key: ContextKey, name: bytes, at: int | None = None
    ) -> bytes:
        """One chunk of this content, by its hash.

        Raises:
            MissingError, GoneError: as `Fetcher.open`; this content has no such chunk.
            ContentCorruptError: the chunk is damaged.
        """
        content = await self._fetcher.open(principal, key, at)
        data = await self._store.read_chunk(principal.tenant, content.ref.root, name)
        if data is None:
            raise MissingError(f"the content of {key} has no chunk {name.hex()}")
        return data
