"""Brings large content into contexts, piece by piece as a file tells it.

Content goes where there is none: what a context has already stays, as its state does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from backstory.cli.importer.desk import Desk
from backstory.contexts.contents.storing import Sent
from backstory.contexts.service import Contexts
from backstory.domain.commits import Outcome
from backstory.domain.keys import ContextKey
from backstory.domain.principals import LOCAL_IMPORT
from backstory.errors import InvalidError
from backstory.processing.conversations import ContentPiece

_WAITING_PIECES: Final = 2  # of one content, before the file is read on


class ContentWriter:
    """Contents on their way in, each of which takes its pieces in order."""

    def __init__(self, contexts: Contexts, desk: Desk) -> None:
        self._contexts = contexts
        self._desk = desk
        self._uploads: dict[ContextKey, _Upload] = {}
        self._failed: set[ContextKey] = set()
        self._passed_over: set[ContextKey] = set()

    def pass_over(self, key: ContextKey) -> None:
        """The context was not brought in, and so its content is not."""
        self._passed_over.add(key)

    async def take(self, piece: ContentPiece) -> bool | None:
        """Take the next piece; at the last one, whether the content is new.

        Raises:
            InvalidError: there is no such context.
            BackstoryError: what `Storer.put` raises; the pieces that follow are passed over.
        """
        if piece.offset == 0 and not await self._begin(piece):
            return False if piece.is_last else None
        upload = self._uploads.get(piece.key)
        if upload is None:  # it is there, or has failed, which was told
            known = piece.is_last and piece.key not in self._failed | self._passed_over
            return False if known else None
        try:
            changed = await upload.feed(piece)
        except BaseException:
            del self._uploads[piece.key]
            self._failed.add(piece.key)
            raise
        if piece.is_last:
            del self._uploads[piece.key]
        return changed

    async def _begin(self, piece: ContentPiece) -> bool:
        """Whether the content is wanted."""
        key = piece.key
        if (old := self._uploads.pop(key, None)) is not None:
            await old.let_go()
        if key in self._passed_over:
            return True
        self._failed.discard(key)
        there = await self._desk.snapshot(key)
        if there is None:
            self._failed.add(key)
            raise InvalidError(f"there is no context {key}; its own line stands before its content")
        if there.head.content is not None:
            return False
        self._uploads[key] = _Upload(self._contexts, piece)
        return True

    async def let_go(self) -> None:
        """Forget what was not finished; nothing of it stays."""
        uploads, self._uploads = self._uploads, {}
        for upload in uploads.values():
            await upload.let_go()


class _Upload:
    """One content: a body that is fed from outside while it is stored."""

    def __init__(self, contexts: Contexts, first: ContentPiece) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING_PIECES)
        sent = Sent(self._body(), first.media_type)
        putting = contexts.storer.put(LOCAL_IMPORT, first.key, sent)
        self._putting: asyncio.Task[Outcome] = asyncio.create_task(putting)

    async def _body(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def feed(self, piece: ContentPiece) -> bool | None:
        """Hand a piece over; behind the last one, whether that has changed the context."""
        await self._hand(piece.data)
        if not piece.is_last:
            return None
        await self._hand(None)
        outcome = await self._putting
        return outcome.results[0].changed  # not where another import was faster

    async def _hand(self, data: bytes | None) -> None:
        """As soon as there is room, or raise what ended the storing."""
        handing = asyncio.create_task(self._pieces.put(data))
        await asyncio.wait({handing, self._putting}, return_when=asyncio.FIRST_COMPLETED)
        if not handing.done():
            handing.cancel()
            await self._putting

    async def let_go(self) -> None:
        """Stop; a body that breaks off leaves nothing behind."""
        self._putting.cancel()
        await asyncio.gather(self._putting, return_exceptions=True)
