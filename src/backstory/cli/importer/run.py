"""Runs an import: reads files in a thread, keeps a bounded number of conversations in flight.

Many commits in flight share one transaction of the store, so this is what makes an import
fast. Parts of one context are still written one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO, Final

from backstory import limits
from backstory.cli.importer.writer import Brought, ConversationWriter
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import NAMESPACE
from backstory.domain.permissions import ROLES
from backstory.errors import BackstoryError, ConflictError, InvalidError
from backstory.processing.conversations import Bad, ContentPiece, Conversation, Item
from backstory.processing.sources import Source, read

_READ_ITEMS: Final = 32  # handed over by the reading thread at once
_SKIPPED_TOLD: Final = 1000  # skipped items that a report names

NEW, EXTENDED, KNOWN = "new", "extended", "known"


@dataclass
class Tally:
    """What an import came to so far."""

    read: int = 0
    new: int = 0
    known: int = 0
    expired: int = 0
    contents_new: int = 0
    contents_known: int = 0
    contexts: dict[int, str] = field(default_factory=dict)
    skipped: list[Bad] = field(default_factory=list)
    skipped_count: int = 0
    stopped: Bad | None = None

    def add(self, key: ContextKey, brought: Brought) -> None:
        if brought.expired:
            self.expired += 1
            return
        self.new += brought.new
        self.known += brought.known
        word = NEW if brought.created else EXTENDED if brought.new else KNOWN
        before = self.contexts.get(hash(key), KNOWN)
        self.contexts[hash(key)] = word if before == KNOWN else before

    def add_content(self, brought: bool | None) -> None:
        """What a piece of content came to, as `ContentWriter.take` tells it."""
        self.contents_new += brought is True
        self.contents_known += brought is False

    def skip(self, bad: Bad) -> None:
        self.skipped_count += 1
        if len(self.skipped) < _SKIPPED_TOLD:
            self.skipped.append(bad)

    def count(self, word: str) -> int:
        """How many contexts are `NEW`, `EXTENDED` or `KNOWN`."""
        return sum(1 for each in self.contexts.values() if each == word)


class Run:
    """One import. Without a `writer` it only reads; `told` hears of each bad item."""

    def __init__(self, source: Source, *, skip_bad: bool, told: Callable[[Bad], None]) -> None:
        self.tally = Tally()
        self._source = source
        self.writer: ConversationWriter | None = None
        self._skip_bad = skip_bad
        self._told = told
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: dict[ContextKey, asyncio.Task[None]] = {}
        self._failure: BaseException | None = None

    async def file(self, file: BinaryIO, name: str, moved: Callable[[int], Any]) -> None:
        """Bring in one file; `moved` hears the byte that was read to. Nothing is in flight afterwards.

        Raises:
            StoreError: the store cannot go on; what was brought in before stays.
        """
        items = read(self._source, file, name)
        try:
            while not self.is_over():
                some, position = await asyncio.to_thread(_take, items, file)
                if not some:
                    break
                for item in some:
                    await self._take(item)
                    if self.is_over():
                        break
                moved(position)
        finally:
            await self._settle()
            if self.writer is not None:
                await self.writer.contents.let_go()
        if self._failure is not None:
            raise self._failure

    def is_over(self) -> bool:
        """Whether something has ended the import before its end."""
        return self.tally.stopped is not None or self._failure is not None

    async def _take(self, item: Item) -> None:
        if isinstance(item, Bad):
            await self._settle()  # so that a report of an earlier item comes first
            if not self.is_over():
                self._bad(item)
            return
        if isinstance(item, Conversation):
            self.tally.read += 1
        if self.writer is not None:
            await self._start(self.writer, item)
        elif isinstance(item, Conversation):
            self.tally.new += len(item.entries)
        else:
            self.tally.contents_new += item.is_last

    async def _start(self, writer: ConversationWriter, item: Conversation | ContentPiece) -> None:
        try:
            key = writer.key(item)
        except InvalidError as error:
            self._bad(Bad(item.place, error.detail))
            return
        while len(self._tasks) >= limits.IMPORT_IN_FLIGHT:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        before = self._busy.get(key)
        task = asyncio.create_task(self._bring(writer, item, key, before))
        self._tasks.add(task)
        self._busy[key] = task
        task.add_done_callback(lambda done: self._done(key, done))
        if key.namespace in (NAMESPACE, ROLES):  # what follows may be of this kind
            await asyncio.wait([task])

    async def _bring(
        self,
        writer: ConversationWriter,
        item: Conversation | ContentPiece,
        key: ContextKey,
        before: asyncio.Task[None] | None,
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        if self.is_over():
            return
        try:
            if isinstance(item, Conversation):
                self.tally.add(key, await writer.bring(item))
            else:
                self.tally.add_content(await writer.contents.take(item))
        except (InvalidError, ConflictError) as error:
            self._bad(Bad(item.place, _reason(error)))
        except BackstoryError as error:
            self._failure = self._failure or error

    def _done(self, key: ContextKey, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._busy.get(key) is task:
            del self._busy[key]
        if not task.cancelled() and task.exception() is not None:
            self._failure = self._failure or task.exception()

    def _bad(self, bad: Bad) -> None:
        if self._skip_bad:
            self.tally.skip(bad)
        elif self.tally.stopped is None:
            self.tally.stopped = bad
        else:
            return
        self._told(bad)

    async def _settle(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)


def _take(items: Iterator[Item], file: BinaryIO) -> tuple[list[Item], int]:
    """Some items, and how far the file was read for them."""
    try:
        return list(islice(items, _READ_ITEMS)), file.tell() if file.seekable() else 0
    except OSError as error:
        raise InvalidError(f"the file cannot be read: {error.strerror}") from error


def _reason(error: BackstoryError) -> str:
    """The detail, and the rule that it breaks where a schema has said so."""
    rule = error.errors[0].rule if error.errors else None
    return error.detail if rule is None else f"{error.detail} (rule {rule})"
