"""Writes one conversation into a store, so that doing it again changes nothing.

What is there already is recognised: entries by their id, those without one by their place in
the log. An entry that is there with other words is an error, never a second entry. Whoever
writes to the same context meanwhile makes the writer look again, by a condition on the
version, and nothing is written twice or in between.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from backstory import limits
from backstory.cli.importer.contents import ContentWriter
from backstory.cli.importer.desk import Desk, creation
from backstory.cli.importer.matching import agree, check_kind, differs
from backstory.cli.importer.sessions import TurnWriter
from backstory.contexts.service import Contexts
from backstory.domain.commits import Append, Conditions
from backstory.domain.entries import REDACTED, NewEntry
from backstory.domain.keys import ContextKey
from backstory.errors import MissingError, VersionConflictError
from backstory.ports.store import EntryQuery
from backstory.processing.conversations import ContentPiece, Conversation

_ATTEMPTS: Final = 20  # when others write to the same context all the time
_REMEMBERED: Final = 1024  # contexts whose place in the log is remembered between two parts


@dataclass(frozen=True, slots=True)
class Brought:
    """What writing one conversation came to, in entries."""

    created: bool = False
    new: int = 0
    known: int = 0
    expired: bool = False


@dataclass(slots=True)
class Progress:
    """What was written so far; it outlives the attempts that somebody else was faster than."""

    created: bool = False
    new: int = 0


@dataclass(frozen=True, slots=True)
class _Walk:
    """How far entries agree with those in the store: the first `known`, up to seq `after`."""

    known: int
    after: int
    exhausted: bool


class ConversationWriter:
    """Brings conversations into contexts as the local import."""

    def __init__(self, contexts: Contexts, namespace: str) -> None:
        self._desk = Desk(contexts)
        self.contents = ContentWriter(contexts, self._desk)
        self._now = contexts.clock.now
        self._namespace = namespace
        self._after: OrderedDict[ContextKey, int] = OrderedDict()

    def key(self, item: Conversation | ContentPiece) -> ContextKey:
        """Where a conversation or content goes."""
        if isinstance(item, ContentPiece):
            return item.key
        return item.key or ContextKey.of(self._namespace, item.name)

    async def bring(self, conversation: Conversation) -> Brought:
        """Write what is not there yet; nothing where its time is over already.

        Raises:
            ConflictError: an entry is there with other words, or the context has another kind.
            BackstoryError: whatever `Store.commit` raises; the parts before it stay.
        """
        key, progress = self.key(conversation), Progress()
        if conversation.expires_at is not None and conversation.expires_at <= self._now():
            self.contents.pass_over(key)
            return Brought(expired=True)
        bring = self._with_session if conversation.steps else self._alone
        made = self._desk.made_by(key)
        if made is not None:
            return Brought(await made(key, conversation))
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await bring(key, conversation, progress)
                break
            except (VersionConflictError, MissingError):  # somebody else was faster: look again
                if attempt == _ATTEMPTS:
                    raise
        known = len(conversation.entries) - progress.new
        return Brought(progress.created, progress.new, known)

    async def _alone(self, key: ContextKey, conversation: Conversation, progress: Progress) -> None:
        there = await self._desk.snapshot(key)
        if there is None:
            await self._begin(key, conversation, progress)
            return
        head = there.head
        check_kind(head, conversation)
        kept = await self._desk.kept(key, conversation)
        walk = await self._walk(key, kept)
        version, after, start = head.version, walk.after, walk.known
        for batch in _batches(conversation.entries[walk.known :]):
            if not walk.exhausted and any(entry.id is None for entry in batch):
                raise differs(key, f"after seq {walk.after}")
            outcome = await self._desk.write(Append(key, batch, Conditions(if_version=version)))
            result = outcome.results[0]
            version, after = result.version, max(after, *result.seqs)
            progress.new += result.appended
            same = kept[start : start + len(batch)]
            await self._compare(key, same, result.seqs, head.last_seq)
            start += len(batch)
        self._remember(key, after)

    async def _begin(self, key: ContextKey, conversation: Conversation, progress: Progress) -> None:
        batches = list(_batches(conversation.entries))
        put = creation(key, conversation)
        first = [Append(key, batches[0])] if batches else []
        outcome = await self._desk.write(put, *first)
        progress.created, progress.new = True, len(batches[0]) if batches else 0
        version, after = outcome.results[0].version, 0
        for batch in batches[1:]:
            outcome = await self._desk.write(Append(key, batch, Conditions(if_version=version)))
            version = outcome.results[0].version
            progress.new += len(batch)
        if batches:
            after = outcome.results[-1].seqs[-1]
        self._remember(key, after)

    async def _walk(self, key: ContextKey, entries: Sequence[NewEntry]) -> _Walk:
        """Compare entries with those in the store, behind what an earlier part brought."""
        known, after = 0, self._after.get(key, 0)
        while known < len(entries):
            limit = min(limits.PAGE_MAX, len(entries) - known)
            reading = await self._desk.read(key, EntryQuery(after=after, limit=limit))
            for found in reading.page.entries if reading.page else ():
                if agree(key, entries[known], found):
                    known += 1
                elif found.type != REDACTED:
                    return _Walk(known, after, exhausted=False)
                after = found.seq
            if reading.page is None or not reading.page.more:
                return _Walk(known, after, exhausted=True)
        return _Walk(known, after, exhausted=False)

    async def _compare(
        self, key: ContextKey, sent: Sequence[NewEntry], seqs: Sequence[int], last: int
    ) -> None:
        """Entries that turned out to be known must be the same; `last` is the last old seq."""
        wanted = {seq: entry for entry, seq in zip(sent, seqs, strict=True) if seq <= last}
        for seq in sorted(wanted):
            if seq not in wanted:
                continue
            reading = await self._desk.read(key, EntryQuery(after=seq - 1, limit=limits.PAGE_MAX))
            for found in reading.page.entries if reading.page else ():
                if (entry := wanted.pop(found.seq, None)) is not None:
                    agree(key, entry, found)

    async def _with_session(
        self, key: ContextKey, conversation: Conversation, progress: Progress
    ) -> None:
        turns = TurnWriter(self._desk, key, conversation)
        try:
            await turns.write()
        finally:
            progress.created = progress.created or turns.created
            progress.new += turns.new

    def _remember(self, key: ContextKey, after: int) -> None:
        self._after[key] = after
        self._after.move_to_end(key)
        if len(self._after) > _REMEMBERED:
            self._after.popitem(last=False)


def _batches(entries: Sequence[NewEntry]) -> Iterator[tuple[NewEntry, ...]]:
    """As many entries as one commit takes, in number and in bytes."""
    batch: list[NewEntry] = []
    size = 0
    for entry in entries:
        if len(batch) >= limits.COMMIT_ENTRIES or (batch and size + entry.size > limits.BODY_BYTES):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield tuple(batch)
