"""A conversation with its session beside it: one commit for each turn.

The turn's entries and the change of the session's state belong together, so that the past
can be read turn by turn. A turn whose entries are in the store is done, its change included.
"""

from __future__ import annotations

from typing import Final

from backstory import limits
from backstory.cli.importer.desk import Desk, creation
from backstory.cli.importer.matching import agree, check_kind
from backstory.domain.commits import Append, Conditions, Operation, Patch, Put
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import SESSION
from backstory.domain.patches import JsonPatch, diff
from backstory.errors import VersionConflictError
from backstory.ports.store import EntryQuery
from backstory.processing.conversations import Conversation

SUFFIX: Final = ".session"


class TurnWriter:
    """Writes the turns of one conversation that are not there yet."""

    def __init__(self, desk: Desk, key: ContextKey, conversation: Conversation) -> None:
        self._desk = desk
        self._key = key
        self._session = ContextKey.of(key.namespace, key.name + SUFFIX)
        self._conversation = conversation
        self._version = 0
        self._state_version = 0
        self.created = False
        self.new = 0

    async def write(self) -> None:
        """Write what is missing; `created` and `new` tell what came of it, also when it raises.

        Others may bring the same turns at the same time. As long as turns become known, whoever
        wrote them, it goes on.

        Raises:
            ConflictError: an entry is there with other words.
            VersionConflictError: somebody else wrote something else meanwhile; nothing of the
                turn is done.
        """
        known = -1
        while True:
            seen = await self._look()
            try:
                await self._write(seen)
            except VersionConflictError:
                if len(seen) == known:
                    raise
                known = len(seen)
            else:
                return

    async def _write(self, seen: set[str]) -> None:
        start, state = 0, b"{}"
        for step in self._conversation.steps:
            turn = self._conversation.entries[start : step.upto]
            if not all(entry.id in seen for entry in turn):
                await self._turn(turn, state, step.state)
            start, state = step.upto, step.state

    async def _look(self) -> set[str]:
        """What is there: versions, and the ids of the conversation's entries."""
        there = await self._desk.snapshot(self._key)
        session = await self._desk.snapshot(self._session)
        self._state_version = session.head.state_version if session else 0
        if there is None:
            return set()
        check_kind(there.head, self._conversation)
        self._version = there.head.version
        return await self._seen()

    async def _seen(self) -> set[str]:
        wanted = {entry.id: entry for entry in self._conversation.entries}
        seen: set[str] = set()
        after, more = 0, True
        while more:
            query = EntryQuery(after=after, limit=limits.PAGE_MAX)
            page = (await self._desk.read(self._key, query)).page
            for found in page.entries if page else ():
                after = found.seq
                entry = wanted.get(found.id)
                if entry is not None and agree(self._key, entry, found):
                    seen.add(found.id)
            more = page is not None and page.more
        return seen

    async def _turn(self, turn: tuple[NewEntry, ...], before: bytes, after: bytes) -> None:
        outcome = await self._desk.write(*self._said(turn), *self._changed(before, after))
        for result in outcome.results:
            if result.key == self._key:
                self._version = result.version
                self.created = self.created or result.created
                self.new += result.appended
            else:
                self._state_version = result.version

    def _said(self, turn: tuple[NewEntry, ...]) -> list[Operation]:
        if self._version:
            return [Append(self._key, turn, Conditions(if_version=self._version))]
        return [creation(self._key, self._conversation), Append(self._key, turn)]

    def _changed(self, before: bytes, after: bytes) -> list[Operation]:
        if not self._version and not self._state_version:
            labels, new = self._conversation.labels, Conditions(if_version=0)
            return [Put(self._session, SESSION, after, labels, None, new)]
        operations = diff(before, after)
        if not operations:
            return []
        same = Conditions(if_state_version=self._state_version)
        return [Patch(self._session, JsonPatch.of(operations), same)]
