"""Requests to a provider's API, in any message format: whole ones, or the bare list of messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from backstory.domain.messages import Format
from backstory.processing import messages
from backstory.processing.conversations import Conversation, Item, Raw, make
from backstory.processing.sources.files import Value
from backstory.processing.sources.reading import Values, an_object, each, identity


def reader(form: Format) -> Callable[[Values], Iterator[Item]]:
    """Reads one conversation a value; what is no part of it goes into the state."""
    return partial(each, parse=partial(_conversation, form))


def _conversation(form: Format, value: Value) -> Iterable[Conversation]:
    bare = isinstance(value.data, list)
    request = {form.members[0]: value.data} if bare else an_object(value.data, "a conversation")
    entries = messages.read(request, form)
    others = {name: request[name] for name in messages.ignored(request, form)}
    own = others.get("id")
    named = isinstance(own, str) and own != ""
    conversation_id = others.pop("id") if named else identity(value)
    state: Raw = {"source": {"format": form.name, "id": conversation_id}}
    if others:
        state["request"] = others
    labels = {"source": form.name}
    yield make(value.place, conversation_id, entries, state=state, labels=labels)
