"""A context as it stands at one version: the head, and the state with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from backstory.clock import Clock
from backstory.domain.content import ContentRef
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Author
from backstory.errors import MissingError

EMPTY_STATE = b"{}"

Labels = tuple[str, ...] | Mapping[str, str]
"""A list of words, or an object of words to words; see `label_terms`."""


def label_terms(labels: Labels) -> frozenset[str]:
    """What `?label=` may ask for: each word, and for an object each `key` and `key=value`."""
    if isinstance(labels, Mapping):
        return frozenset(labels) | {f"{key}={value}" for key, value in labels.items()}
    return frozenset(labels)


class Tag(Struct, frozen=True):
    """What tells two states of a name apart: equal tags mean equal bytes, order means nothing."""

    version: int
    commit: bytes


class Head(Struct, frozen=True):
    """All that is known of a context but its state, its entries and the bytes of its content.

    `id` is random and stays from creation to after purge. `version` counts commits on the
    name; `born` is the version that created the context as it lives now (a name deleted and
    created again has a later one); `history_from` the oldest version that can be read back.
    `schema_version` is the version of its kind's schema that last ruled the state, 0 for none.
    `entry_count` counts visible entries, `last_seq` is the highest seq ever handed out.
    Times are microseconds since the Unix epoch.
    """

    id: bytes
    key: ContextKey
    kind: str
    version: int
    commit: bytes
    state_version: int
    content_version: int
    labels: Labels
    entry_count: int
    last_seq: int
    author: Author
    created_at: int
    updated_at: int
    expires_at: int | None
    deleted: bool
    born: int
    history_from: int
    content: ContentRef | None = None
    schema_version: int = 0

    @property
    def tag(self) -> Tag:
        return Tag(self.version, self.commit)

    def alive(self, now: int) -> bool:
        """Whether the context can be read: neither deleted nor expired."""
        return not self.deleted and (self.expires_at is None or now < self.expires_at)

    def alive_by(self, clock: Clock) -> bool:
        """The same now; most never expire, and nobody has to look at a clock for them."""
        return self.alive(0 if self.expires_at is None else clock.now())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A head and the bytes of its state: a JSON object, compact, UTF-8.

    `encoded` holds what was made of it for callers, by the name of the form, for as long as
    somebody keeps it.
    """

    head: Head
    state: bytes
    encoded: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


def missing(key: ContextKey) -> MissingError:
    """The one answer for what is not there and for what the caller may not know of."""
    return MissingError(f"there is no context {key}")
