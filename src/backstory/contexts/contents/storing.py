"""Giving a context its content: as one long body, or by naming chunks that are there already."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from blake3 import blake3

from backstory import ids, limits
from backstory.clock import Clock
from backstory.contexts import access
from backstory.contexts.writing import Intent, Retry, Writer
from backstory.domain import conditions as holding
from backstory.domain.chunking import Chunk, Chunker
from backstory.domain.commits import ALWAYS, Conditions, Operation, Outcome, PutContent
from backstory.domain.content import Hold, Manifest, NewContent, check_size
from backstory.domain.contexts import missing
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.domain.quotas import Quota
from backstory.ports.store import Store

Retrying = Callable[[bytes], Retry | None]
"""Makes a retry of the digest that stands for the body; None without an idempotency key."""


def never(_: bytes) -> None:
    """For a request without an idempotency key."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A body that is on its way, and what its sender says of it.

    `retrying` tells whether there is an idempotency key.
    """

    body: AsyncIterator[bytes]
    media_type: str
    conditions: Conditions = ALWAYS
    retrying: bool = False
    retry: Retrying = never


class Storer:
    """Stores for those who may write."""

    def __init__(self, store: Store, writer: Writer, clock: Clock) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock

    async def put(self, principal: Principal, key: ContextKey, sent: Sent) -> Outcome:
        """Take the body in piece by piece, then commit it; a body cut off leaves nothing.

        Raises:
            MissingError, DeniedError: there is no such context, or the caller may not.
            TooLargeError: over `limits.CONTENT_BYTES`.
            BackstoryError: what `Writer.write` raises, and whatever reading the body does.
        """
        access.require(principal, Verb.WRITE, key)
        quota = await self._writer.quotas.of(principal.tenant)
        upload = Upload(self._store, principal.tenant, key, quota)
        upload.keeps = await self._wanted(principal, key, sent)
        outcome: Outcome | None = None
        try:
            manifest = await upload.take(sent.body)
            content = NewContent(manifest, sent.media_type, Hold(upload.holder))

            def build() -> list[Operation]:
                if not upload.keeps:
                    raise missing(key)
                return [PutContent(key, content, None, sent.conditions)]

            retry = sent.retry(upload.digest)
            outcome = await self._writer.write(principal, [Intent(Verb.WRITE, key)], build, retry)
            return outcome
        finally:
            if outcome is None or outcome.replayed or not outcome.results[0].changed:
                await asyncio.shield(self._store.let_go(principal.tenant, upload.holder))

    async def _wanted(self, principal: Principal, key: ContextKey, sent: Sent) -> bool:
        """Whether there is a context to keep the body for; else it can only be a known retry."""
        snapshot = await self._store.snapshot(principal.tenant, key)
        alive = snapshot is not None and snapshot.head.alive_by(self._clock)
        if sent.retrying:
            return alive
        if snapshot is None or not alive:
            raise missing(key)
        holding.check(sent.conditions, key, snapshot.head)
        return True

    async def drop(
        self,
        principal: Principal,
        key: ContextKey,
        conditions: Conditions = ALWAYS,
        retry: Retry | None = None,
    ) -> Outcome:
        """Take the content away; earlier versions keep theirs.

        Raises:
            BackstoryError: what `Writer.write` raises.
        """
        return await self._writer.write(
            principal,
            [Intent(Verb.WRITE, key)],
            lambda: [PutContent(key, None, None, conditions)],
            retry,
        )


class Upload:
    """Chunks on their way into a store, held under a name of their own."""

    def __init__(self, store: Store, tenant: str, key: ContextKey, quota: Quota | None) -> None:
        self._store, self._tenant, self._key, self._quota = store, tenant, key, quota
        self._chunker = Chunker()
        self._hash = blake3()
        self._packed = bytearray()
        self.holder = ids.upload_id()
        self.keeps = True

    @property
    def digest(self) -> bytes:
        """Stands for all bytes that were taken."""
        return self._hash.digest()

    async def take(self, body: AsyncIterator[bytes]) -> Manifest:
        """Keep all of a body; never more than about `limits.CONTENT_FEED_BYTES` are in memory.

        Raises:
            TooLargeError: over `limits.CONTENT_BYTES`.
        """
        waiting = bytearray()
        size = 0
        async for piece in body:
            size += len(piece)
            check_size(size)
            waiting += piece
            if len(waiting) >= limits.CONTENT_FEED_BYTES:
                await self._feed(bytes(waiting))
                waiting.clear()
        await self._feed(bytes(waiting))
        await self.keep(self._chunker.finish())
        return Manifest(bytes(self._packed))

    async def _feed(self, data: bytes) -> None:
        await self.keep(await asyncio.to_thread(self._cut, data))

    def _cut(self, data: bytes) -> list[Chunk]:
        self._hash.update(data)
        return self._chunker.feed(data) if self.keeps else []

    async def keep(self, chunks: list[Chunk]) -> None:
        """Keep chunks, behind those before."""
        if chunks:
            await self._store.keep_chunks(self._tenant, self._key, self.holder, chunks, self._quota)
            self._packed += Manifest.of(chunk.ref for chunk in chunks).packed
