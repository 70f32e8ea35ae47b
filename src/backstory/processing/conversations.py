"""A conversation on its way in, whatever format it was written in.

A source makes these; who writes them into a store needs to know no format. Everything in
them is checked and encoded, so that a wrong one is found before anything is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from backstory import limits
from backstory.domain import intake
from backstory.domain.contexts import Labels
from backstory.domain.entries import DERIVED_ID, NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import CONVERSATION, check_kind
from backstory.domain.patches import encode_state
from backstory.errors import MalformedError

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._~-]+")
_NAME_CHARS: Final = 150  # leaves room for what is put behind a name
_HASH_CHARS: Final = 12

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: the file as it was named, and the line it begins at."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Bad:
    """Something at a place that cannot be brought in, with the reason."""

    place: Place
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """The session's state once the entries before index `upto` are there."""

    upto: int
    state: bytes


@dataclass(frozen=True, slots=True)
class Conversation:
    """Entries in order, with the head they get where the context is not there yet.

    `key` is None where the format names no context; then it follows from `id`. Several with
    one key go on from each other. `steps` are there where a session goes along.
    """

    place: Place
    id: str
    entries: tuple[NewEntry, ...]
    state: bytes = b"{}"
    labels: Labels = ()
    kind: str = CONVERSATION
    expires_at: int | None = None
    key: ContextKey | None = None
    steps: tuple[Step, ...] = ()

    @property
    def name(self) -> str:
        """The name of the context, where the format names none."""
        return safe_name(self.id)


@dataclass(frozen=True, slots=True)
class ContentPiece:
    """Some bytes of a context's large content, from `offset` on of `size` in all."""

    place: Place
    key: ContextKey
    media_type: str
    size: int
    offset: int
    data: bytes

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.offset + len(self.data)

    @property
    def is_last(self) -> bool:
        return self.end == self.size

    def follows(self, before: ContentPiece) -> bool:
        """Whether it goes on where the other one ends."""
        mine, its = (self.key, self.media_type, self.size), (before.key, before.media_type)
        return mine == (*its, before.size) and self.offset == before.end


Item = Conversation | ContentPiece | Bad


def make(
    place: Place,
    conversation_id: str,
    entries: Sequence[Any],
    *,
    state: Mapping[str, Any] | None = None,
    labels: Any = None,
    kind: str = CONVERSATION,
    expires_at: Any = None,
    key: ContextKey | None = None,
    steps: Iterable[tuple[int, Mapping[str, Any]]] = (),
    first: int = 0,
) -> Conversation:
    """A checked conversation.

    Entries without an id get one from the conversation's and their index, counted from
    `first`. Those with an id that a server derived from the seq stay without one.

    Raises:
        MalformedError, SchemaError, TooLargeError: something in it cannot be kept.
    """
    return Conversation(
        place,
        conversation_id,
        _entries(conversation_id, entries, first),
        encode_state({} if state is None else state),
        intake.labels(labels),
        check_kind(kind),
        intake.moment(expires_at),
        key,
        tuple(Step(upto, encode_state(after)) for upto, after in steps),
    )


def _entries(conversation_id: str, raw: Sequence[Any], first: int) -> tuple[NewEntry, ...]:
    named = [
        _identified(conversation_id, index, entry) for index, entry in enumerate(raw, start=first)
    ]
    ids = [entry["id"] for entry in named if isinstance(entry, dict) and "id" in entry]
    if len(set(map(str, ids))) < len(ids):
        twice = next(each for each in ids if ids.count(each) > 1)
        raise MalformedError(f"two entries have the id {ascii(twice)[:80]}")
    checked: list[NewEntry] = []
    for start in range(0, len(named), limits.APPEND_ENTRIES):
        checked += intake.entries(named[start : start + limits.APPEND_ENTRIES])
    return tuple(checked)


def _identified(conversation_id: str, index: int, entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    own = entry.get("id")
    if own is None:
        return entry | {"id": entry_id(conversation_id, str(index))}
    if isinstance(own, str) and own.startswith(DERIVED_ID):
        return {name: value for name, value in entry.items() if name != "id"}
    return entry


def entry_id(conversation_id: str, part: str) -> str:
    """The same id in every run; a conversation's id that is too long is hashed."""
    whole = f"{conversation_id}:{part}"
    if len(whole.encode()) <= limits.ENTRY_ID_BYTES and not whole.startswith(DERIVED_ID):
        return whole
    return f"{_hash(conversation_id, 32)}:{part}"


def safe_name(text: str) -> str:
    """A name for any id: the id itself where that is a name, else what is left and a hash.

    Different ids have different names, since whatever was changed carries the hash.
    """
    name = _UNSAFE.sub("-", text).strip("-")[:_NAME_CHARS]
    if name == text and name not in ("", ".", ".."):
        return name
    return f"{name.strip('.') or 'conversation'}-{_hash(text, _HASH_CHARS)}"


def content_id(data: bytes) -> str:
    """An id for what has none: equal bytes are the same conversation."""
    return sha256(data).hexdigest()[:24]


def _hash(text: str, chars: int) -> str:
    return sha256(text.encode()).hexdigest()[:chars]
