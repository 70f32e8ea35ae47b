"""Whether an entry on its way in is the one that is in the store already."""

from __future__ import annotations

import orjson

from backstory.domain.contexts import Head
from backstory.domain.entries import DERIVED_ID, REDACTED, Entry, NewEntry
from backstory.domain.keys import ContextKey
from backstory.errors import ConflictError, KindConflictError
from backstory.processing.conversations import Conversation


def agree(key: ContextKey, entry: NewEntry, found: Entry) -> bool:
    """Whether it is this entry that is in the store.

    Raises:
        ConflictError: it is, but with other words.
    """
    if entry.id is None and found.type == REDACTED:
        return False
    if entry.id is not None and entry.id != found.id:
        return False
    if found.type == REDACTED or _same(entry, found):
        return True
    raise differs(key, f"seq {found.seq}")


def _same(entry: NewEntry, found: Entry) -> bool:
    return (
        (entry.role, entry.type) == (found.role, found.type)
        and (entry.id is not None or found.id.startswith(DERIVED_ID))
        and _same_json(entry.content, found.content)
        and _same_json(entry.metadata or b"{}", found.metadata or b"{}")
    )


def _same_json(one: bytes, other: bytes) -> bool:
    return one == other or bool(orjson.loads(one) == orjson.loads(other))


def differs(key: ContextKey, where: str) -> ConflictError:
    """The error for an entry that stands where another one belongs."""
    return ConflictError(
        f"{key} has another entry at {where}; use another --namespace or delete the context first"
    )


def check_kind(head: Head, conversation: Conversation) -> None:
    """Pass where the context that is there has the conversation's kind.

    Raises:
        KindConflictError: it has another.
    """
    if head.kind != conversation.kind:
        raise KindConflictError(
            f"{head.key} is there already, as a {head.kind}, not a {conversation.kind}",
            kind=head.kind,
        )
