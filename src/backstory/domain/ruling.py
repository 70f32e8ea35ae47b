"""What a commit was prepared under: the rules of the kinds that it touches.

A state that is put and entries that are appended are ruled before a commit is made. What a
patch comes to is known inside the transaction only, so the patch brings its rule along. A
store compares the kinds that a commit names with those that stand (`check_kinds`), so that no
write slips in under rules that a registration has replaced meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from backstory.domain.contexts import Tag
from backstory.domain.entries import NewEntry
from backstory.domain.patches import JsonPatch, MergePatch
from backstory.errors import BackstoryError, StaleRulesError

KindTag = tuple[str, Tag | None]
"""A kind, and the tag of the context that holds its schema; None where there is none."""


class RuledState(Struct, frozen=True):
    """A state as it is to be kept, and what transforms did: `{"redact:email": 2}`."""

    state: bytes
    counts: Mapping[str, int] = {}


class RuledEntries(Struct, frozen=True):
    """Entries as they are to be kept, and what transforms did to all of them together."""

    entries: tuple[NewEntry, ...]
    counts: Mapping[str, int] = {}


class KindRule(Protocol):
    """What one kind demands in one namespace, at one version of its schema. Pure."""

    @property
    def kind(self) -> str: ...

    @property
    def version(self) -> int:
        """Of the kind's schema; 0 where the kind has none."""

    def state(self, raw: bytes, pointer: str) -> RuledState:
        """The state as it is to be kept; `pointer` is where it lies for the caller.

        Raises:
            SchemaError, TooLargeError: it cannot be kept; `step` in the context says why.
        """

    def entries(self, entries: Sequence[NewEntry], pointer: str) -> RuledEntries:
        """The same for entries; `pointer` is where their list lies.

        Raises:
            SchemaError, TooLargeError: one of them cannot be kept.
        """

    def here(self) -> KindRule:
        """The same rule for another thread, its steps told as part of the request served here."""

    def migrated(self, state: bytes, from_version: int) -> bytes:
        """A state of an earlier version of the kind as this version wants it.

        Raises:
            SchemaError, TooLargeError: a migration does not apply.
        """


def add_counts(counts: dict[str, int], more: Mapping[str, int]) -> None:
    """Count what was done to another part of the same write."""
    for what, count in more.items():
        counts[what] = counts.get(what, 0) + count


class Unruled(Struct, frozen=True):
    """The rule of a kind that demands nothing and changes nothing."""

    kind: str
    version: int

    def state(self, raw: bytes, pointer: str) -> RuledState:
        del pointer
        return RuledState(raw)

    def entries(self, entries: Sequence[NewEntry], pointer: str) -> RuledEntries:
        del pointer
        return RuledEntries(tuple(entries))

    def here(self) -> Unruled:
        return self

    def migrated(self, state: bytes, from_version: int) -> bytes:
        del from_version
        return state


class Standing(Struct, frozen=True):
    """A state before a patch, and the version of its kind that ruled it."""

    state: bytes
    version: int


class Foreseen(Struct, frozen=True):
    """What a patch of a large state comes to, worked out outside of the transaction.

    It holds for the state `before` alone.
    """

    before: Standing
    after: RuledState | BackstoryError


def patched(
    rule: KindRule,
    patch: JsonPatch | MergePatch,
    standing: Standing,
    pointer: str,
    most: int | None = None,
) -> RuledState:
    """What the patch makes of a state. With `most`, of states up to so many bytes only.

    Raises:
        StaleRulesError: the state is larger, before or after the patch.
        PatchConflictError: the patch does not apply.
        SchemaError, TooLargeError: what it leads to cannot be kept.
    """
    state = standing.state
    _within(state, most)
    if standing.version < rule.version:
        state = rule.migrated(state, standing.version)
    raw = patch.apply(state)
    if raw == standing.state:
        return RuledState(raw)
    _within(raw, most)
    return rule.state(raw, pointer)


def _within(state: bytes, most: int | None) -> None:
    if most is not None and len(state) > most:
        raise StaleRulesError("a large state changed meanwhile; try again")


def check_kinds(kinds: Iterable[KindTag], tag_of: Callable[[str], Tag | None]) -> None:
    """Nothing, where the kinds stand as they stood when the commit was prepared.

    Raises:
        StaleRulesError: one was registered anew since.
    """
    for kind, tag in kinds:
        if tag_of(kind) != tag:
            raise StaleRulesError(f"the kind {kind} was registered anew meanwhile; try again")
