"""Requests to providers' APIs: a conversation as an application sent it.

Messages are read by `processing.formats` and nowhere else; here is what stands around them: a
request, a bare list of messages, or a line of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backstory.domain.messages import Format
from backstory.errors import MalformedError
from backstory.processing import messages
from backstory.processing.conversations import Conversation, Item, Raw, make
from backstory.processing.formats import FORMATS
from backstory.processing.sources.files import Value
from backstory.processing.sources.reading import Values, an_object, each, identity, without


def _as_sent(request: Raw) -> Raw:
    return request


@dataclass(frozen=True, slots=True)
class Requests:
    """How the requests of one provider are found in a file.

    `batch` names the members of a batch's line that hold its id and the request. `mend` brings
    what clients and logs let through into the form of the API. `instead` says what else may
    stand in such a file.
    """

    form: Format
    batch: tuple[str, str]
    mend: Callable[[Raw], Raw] = _as_sent
    instead: str = ""

    def read(self, values: Values) -> Iterator[Item]:
        """One conversation a value."""
        return each(values, lambda value: [self.conversation(value)])

    def conversation(self, value: Value) -> Conversation:
        """The conversation of one request.

        Raises:
            MalformedError, SchemaError: it is none; the detail names the first wrong place.
        """
        members = self.form.members
        request = {members[0]: value.data} if isinstance(value.data, list) else value.data
        request = an_object(request, "a conversation")
        named, inner = self.batch
        given = request.get(named)
        if isinstance(given, str) and isinstance(request.get(inner), dict):
            request = request[inner]
        if members[0] not in request:
            raise MalformedError(f"a conversation has {members[0]}{self.instead}{_hint(request)}")
        own = given if isinstance(given, str) and given else None
        conversation_id = own or identity(value)
        state: Raw = {"source": {"format": self.form.name, "id": conversation_id}}
        if rest := without(request, *((named,) if own else ()), *members):
            state["request"] = rest
        return make(
            value.place,
            conversation_id,
            messages.parsed(self.mend(request), self.form),
            state=state,
            labels={"source": self.form.name},
        )


def _hint(request: Raw) -> str:
    """Where else it might belong."""
    named = next((form for form in FORMATS.values() if form.members[0] in request), None)
    return f"; this one has {named.members[0]}, as {named.name} does" if named else ""
