"""What every write goes through once it was parsed: validate, transform, in this order.

A step that fails rejects the write as a whole; its error says which step (`step`), which
field and why. Pure: the same bytes under the same rules always come to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from msgspec import structs

from backstory import limits
from backstory.domain.entries import NewEntry
from backstory.domain.ruling import RuledEntries, RuledState, add_counts
from backstory.errors import SchemaError, TooLargeError
from backstory.ports.hooks import Measure, unmeasured
from backstory.processing.schemas.kinds import CompiledKind
from backstory.processing.steps import TRANSFORM, VALIDATE, run
from backstory.processing.transforms.characters import RemoveHidden
from backstory.processing.transforms.transform import (
    CONTENT_SKIPPED,
    STATE_SKIPPED,
    Transform,
    transform,
)

DEFAULT: Final[tuple[Transform, ...]] = (RemoveHidden(),)
"""What is done where no rule says otherwise."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The steps for one kind in one namespace. Each step may be absent."""

    kind: CompiledKind | None = None
    transforms: tuple[Transform, ...] = DEFAULT

    def kept(
        self, raw: bytes, pointer: str = "/state", measure: Measure = unmeasured
    ) -> RuledState:
        """A state in the bytes that it would be kept as; it lies at the pointer in the request.

        Raises:
            SchemaError: it does not fit, as it came or after its transforms.
            TooLargeError: over `limits.STATE_BYTES` after its transforms.
        """
        if self.kind is not None and self.kind.state is not None:
            run(measure, VALIDATE, self._check_raw, raw, pointer)
        return run(measure, TRANSFORM, self._transformed, raw, pointer)

    def entries(
        self,
        entries: Sequence[NewEntry],
        pointer: str = "/entries",
        measure: Measure = unmeasured,
    ) -> RuledEntries:
        """Entries that `domain.intake` has read; `pointer` is where their list lies.

        Raises:
            SchemaError: one does not fit, as it came or after its transforms.
            TooLargeError: one is over `limits.ENTRY_BYTES` after its transforms.
        """
        if self.kind is not None and self.kind.entry is not None:
            run(measure, VALIDATE, self._check_entries, entries, pointer)
        return run(measure, TRANSFORM, self._transformed_entries, entries, pointer)

    def _check_raw(self, raw: bytes, pointer: str) -> None:
        self._check_state(orjson.loads(raw), pointer)

    def _check_state(self, document: Any, pointer: str) -> None:
        if self.kind is not None:
            self.kind.check_state(document, pointer)

    def _transformed(self, raw: bytes, pointer: str) -> RuledState:
        done = transform(raw, self.transforms, STATE_SKIPPED)
        if done.raw != raw:
            _require_size(len(done.raw), limits.STATE_BYTES, "STATE_BYTES", pointer)
            _still_fits(self._check_state, orjson.loads(done.raw), pointer)
        return RuledState(done.raw, done.counts)

    def _check_entries(self, entries: Sequence[NewEntry], pointer: str) -> None:
        for index, entry in enumerate(entries):
            self._check_entry(entry, f"{pointer}/{index}")

    def _transformed_entries(self, entries: Sequence[NewEntry], pointer: str) -> RuledEntries:
        counts: dict[str, int] = {}
        done = [
            self._transformed_entry(entry, f"{pointer}/{index}", counts)
            for index, entry in enumerate(entries)
        ]
        return RuledEntries(tuple(done), counts)

    def _check_entry(self, entry: NewEntry, pointer: str) -> None:
        if self.kind is not None and self.kind.entry is not None:
            self.kind.check_entry(_as_sent(entry), pointer)

    def _transformed_entry(self, entry: NewEntry, pointer: str, counts: dict[str, int]) -> NewEntry:
        content = transform(entry.content, self.transforms, CONTENT_SKIPPED)
        metadata = entry.metadata
        if metadata is not None:
            done = transform(metadata, self.transforms, STATE_SKIPPED)
            add_counts(counts, done.counts)
            metadata = done.raw
        if content.raw == entry.content and metadata == entry.metadata:
            return entry
        add_counts(counts, content.counts)
        changed = structs.replace(entry, content=content.raw, metadata=metadata)
        _require_size(changed.size, limits.ENTRY_BYTES, "ENTRY_BYTES", pointer)
        _still_fits(self._check_entry, changed, pointer)
        return changed


def _as_sent(entry: NewEntry) -> dict[str, Any]:
    """An entry as its schema sees it."""
    sent: dict[str, Any] = {
        "role": entry.role,
        "type": entry.type,
        "content": orjson.loads(entry.content),
    }
    if entry.id is not None:
        sent["id"] = entry.id
    if entry.metadata is not None:
        sent["metadata"] = orjson.loads(entry.metadata)
    return sent


def _still_fits(check: Callable[[Any, str], None], changed: Any, pointer: str) -> None:
    """What is kept has to fit too: a mask that the schema refuses would block the next write."""
    try:
        check(changed, pointer)
    except SchemaError as error:
        raise SchemaError(
            f"what the transforms leave does not fit any more: {error.detail}", errors=error.errors
        ) from error


def _require_size(size: int, most: int, limit: str, pointer: str) -> None:
    if size > most:
        raise TooLargeError(
            f"{pointer} has {size} bytes after its transforms; it may have {most}", limit=limit
        )
