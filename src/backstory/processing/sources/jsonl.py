"""Backstory's own lines: one entry each, or one conversation each.

    {"context": "support/ticket-7", "role": "user", "content": "It is broken again."}
    {"context": "users.42/plan", "kind": "session", "state": {...}, "entries": [...]}

`backstory export` writes the second form, and goes on in further lines with the same context
where one would be too long; large content follows in pieces (`contents.py`). Lines that name
no context belong to one named after the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from backstory import limits
from backstory.domain.keys import ContextKey
from backstory.errors import BackstoryError, MalformedError
from backstory.processing.conversations import Bad, Conversation, Item, Place, Raw, entry_id, make
from backstory.processing.sources.contents import MEMBER, Contents
from backstory.processing.sources.files import Value
from backstory.processing.sources.reading import Values, a_list, a_text, an_object

_HEAD: Final = ("kind", "state", "labels", "expires_at")
_ENTRIES: Final = 16 * limits.COMMIT_ENTRIES  # gathered at once, in all contexts
_ENTRY: Final = ("role", "content", "id", "type", "metadata")


def read(values: Values) -> Iterator[Item]:
    """Conversations in order; entries that follow each other in one context come together."""
    reader = _Reader()
    for value in values:
        if isinstance(value, Bad):
            yield from reader.flush()
            yield value
            continue
        try:
            yield from reader.take(value)
        except BackstoryError as error:
            yield from reader.flush()
            yield Bad(value.place, error.detail)
    yield from reader.end()


@dataclass
class _Gathered:
    """Lines of single entries in one context, and where the first of them stands."""

    place: Place
    key: ContextKey | None
    entries: list[Raw] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)


class _Reader:
    """Gathers lines of single entries, and counts the entries of the context it is at.

    Contexts may take turns line by line, so several are gathered at the same time.
    """

    def __init__(self) -> None:
        self._name = ""
        self._count = 0
        self._gathered: dict[str, _Gathered] = {}
        self._entries = self._bytes = 0
        self._contents = Contents()

    def take(self, value: Value) -> Iterator[Item]:
        line = an_object(value.data, "a line")
        if "role" not in line and isinstance(line.get(MEMBER), dict):
            yield from self.flush()
            yield from self._contents.take(line, value.place)
            return
        yield from self._contents.ended()
        name, key = _address(line, value)
        if "role" in line:
            yield from self._gather(name, key, line, value)
            return
        yield from self.flush()
        yield self._conversation(value.place, name, key, line)

    def _gather(self, name: str, key: ContextKey | None, line: Raw, value: Value) -> Iterator[Item]:
        raw: Raw = {member: line[member] for member in _ENTRY if member in line}
        _only(line, "context", *_ENTRY)
        if raw.get("id") is None:
            raw["id"] = entry_id(PurePath(value.place.file).name, str(value.place.line))
        make(value.place, name, [raw], key=key)  # a wrong entry is told with its own line
        if self._is_full(self._gathered.get(name), raw["id"], len(value.raw)):
            yield from self.flush()
        here = self._gathered.setdefault(name, _Gathered(value.place, key))
        here.entries.append(raw)
        here.ids.add(raw["id"])
        self._entries += 1
        self._bytes += len(value.raw)

    def flush(self) -> Iterator[Item]:
        """The entries gathered so far, a conversation for each context."""
        gathered, self._gathered = self._gathered, {}
        self._entries = self._bytes = 0
        for name, some in gathered.items():
            yield make(some.place, name, some.entries, key=some.key)

    def end(self) -> Iterator[Item]:
        """What is left when the file has ended."""
        yield from self.flush()
        yield from self._contents.ended()

    def _is_full(self, here: _Gathered | None, entry_id: str, size: int) -> bool:
        return (
            self._entries >= _ENTRIES
            or self._bytes + size > limits.BODY_BYTES
            or (
                here is not None
                and (len(here.entries) >= limits.COMMIT_ENTRIES or entry_id in here.ids)
            )
        )

    def _conversation(
        self, place: Place, name: str, key: ContextKey | None, line: Raw
    ) -> Conversation:
        if "content" in line:
            raise MalformedError("an entry has a role, such as user")
        _only(line, "context", "id", "entries", *_HEAD)
        entries = a_list(line.get("entries", []), "entries")
        head = {member: line[member] for member in _HEAD if line.get(member) is not None}
        first = self._count if name == self._name else 0
        made = make(place, name, entries, key=key, first=first, **head)
        self._name, self._count = name, first + len(entries)
        return made


def _address(line: Raw, value: Value) -> tuple[str, ContextKey | None]:
    """The conversation's id, and the context where the line names one."""
    if line.get("context") is not None:
        text = a_text(line["context"], "context")
        return text, ContextKey.parse(text)
    if "role" not in line and line.get("id") is not None:
        return a_text(line["id"], "id"), None
    return PurePath(value.place.file).stem, None


def _only(line: Raw, *known: str) -> None:
    unknown = [name for name in line if name not in known]
    if unknown:
        raise MalformedError(
            f"no such member: {ascii(unknown[0])[:60]}; there are {', '.join(known)}"
        )
