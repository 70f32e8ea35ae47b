"""Changes to a few bytes of content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backstory.domain.content import check_size
from backstory.errors import PatchConflictError


@dataclass(frozen=True, slots=True)
class Edit:
    """At `offset`, take `delete` bytes away and put `insert` in their place.

    Offsets count the bytes of the content as it stands before any edit.
    """

    offset: int
    delete: int
    insert: bytes

    @property
    def end(self) -> int:
        return self.offset + self.delete


def check_edits(edits: Iterable[Edit], size: int) -> Sequence[Edit]:
    """The edits, all within content of `size` bytes, in order and apart.

    Raises:
        PatchConflictError: one is not; `operation` is its index.
        TooLargeError: the content would be over `limits.CONTENT_BYTES`.
    """
    checked: list[Edit] = []
    grown = size
    for index, edit in enumerate(edits):
        if edit.end > size:
            raise _conflict(index, f"reaches past the end; the content has {size} bytes")
        if checked and edit.offset < checked[-1].end:
            raise _conflict(index, "begins before the end of the one before it")
        grown += len(edit.insert) - edit.delete
        checked.append(edit)
    check_size(grown)
    return checked


def _conflict(index: int, detail: str) -> PatchConflictError:
    return PatchConflictError(f"edit {index} {detail}", operation=index)
