"""What every part of an import does with the store: read and write as the local import."""

from __future__ import annotations

import asyncio
from typing import Final

import orjson

from backstory.contexts.reading import Reading
from backstory.contexts.service import Contexts
from backstory.contexts.writing import Intent
from backstory.domain.commits import ALWAYS, Conditions, Operation, Outcome, Put
from backstory.domain.contexts import Snapshot
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_IMPORT
from backstory.errors import InvalidError, MissingError
from backstory.ports.store import EntryQuery
from backstory.processing.conversations import Conversation

_REGISTERED: Final = ("schema", "entry_schema", "compatibility")


class Desk:
    """Contexts as the local import sees them."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts

    async def snapshot(self, key: ContextKey) -> Snapshot | None:
        """The context as it stands, or None."""
        try:
            return await self._contexts.reader.snapshot(LOCAL_IMPORT, key)
        except MissingError:
            return None

    async def read(self, key: ContextKey, query: EntryQuery) -> Reading:
        """A page of entries."""
        return await self._contexts.reader.read(LOCAL_IMPORT, key, query=query)

    async def kept(self, key: ContextKey, conversation: Conversation) -> tuple[NewEntry, ...]:
        """The entries as they would be kept: what the rules of their kind leave of them.

        Those that would be refused are as they were sent; writing them tells why.
        """
        try:
            rule, _ = await self._contexts.ruler.rule_of(
                LOCAL_IMPORT.tenant, conversation.kind, key.namespace
            )
            ruled = await asyncio.to_thread(rule.entries, conversation.entries, "/entries")
        except InvalidError:
            return conversation.entries
        return ruled.entries

    async def register(self, key: ContextKey, conversation: Conversation) -> bool:
        """Register the kind whose context was exported; whether it is new.

        Its versions begin anew: states that come along are ruled by the schema as it is.
        """
        written = orjson.loads(conversation.state)
        body = {name: written[name] for name in _REGISTERED if name in written}
        outcome = await self._contexts.kinds.register(LOCAL_IMPORT, key.name, lambda: body, ALWAYS)
        return outcome.results[0].created

    async def write(self, *operations: Operation) -> Outcome:
        """One commit."""
        intents = [Intent(Verb.WRITE, operation.key) for operation in operations]
        return await self._contexts.writer.write(LOCAL_IMPORT, intents, lambda: operations)


def creation(key: ContextKey, conversation: Conversation) -> Put:
    """Make the context; nobody else may have made it meanwhile."""
    return Put(
        key,
        conversation.kind,
        conversation.state,
        conversation.labels,
        conversation.expires_at,
        Conditions(if_version=0),
    )
