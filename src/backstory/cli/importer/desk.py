"""What every part of an import does with the store: read and write as the local import."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import orjson

from backstory.contexts.reading import Reading
from backstory.contexts.service import Contexts
from backstory.contexts.writing import Intent
from backstory.domain.bindings import bindee
from backstory.domain.commits import ALWAYS, Conditions, Operation, Outcome, Put
from backstory.domain.contexts import Snapshot
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import NAMESPACE
from backstory.domain.permissions import BINDINGS, ROLES
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

    def made_by(self, key: ContextKey) -> Callable[..., Awaitable[bool]] | None:
        """What makes a context that says what holds for others; None for any other."""
        return {
            NAMESPACE: self.register,
            ROLES: self._put_role,
            BINDINGS: self._put_binding,
        }.get(key.namespace)

    async def _put_role(self, key: ContextKey, conversation: Conversation) -> bool:
        body = orjson.loads(conversation.state)
        outcome = await self._contexts.roles.put_role(LOCAL_IMPORT, key.name, body, ALWAYS)
        return outcome.results[0].created

    async def _put_binding(self, key: ContextKey, conversation: Conversation) -> bool:
        del key  # follows from whom it binds
        body = orjson.loads(conversation.state)
        bound = bindee(str(body.get("family")), str(body.get("name")))
        outcome = await self._contexts.roles.put_binding(LOCAL_IMPORT, bound, body, ALWAYS)
        return outcome.results[0].created

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
