"""What every store is told of itself when it is opened."""

from __future__ import annotations

from dataclasses import dataclass

from backstory.errors import SchemaVersionError


@dataclass(frozen=True, slots=True)
class Meta:
    """The store's present life and its secret."""

    epoch: str
    first_epoch: bool
    secret: bytes


def wrong_version(version: int, needed: int) -> SchemaVersionError:
    """The store was made by another release; says what can be done."""
    return SchemaVersionError(
        f"the store has schema version {version}, this release needs {needed}; "
        + (
            "run `backstory migrate`"
            if version < needed
            else "`backstory migrate` of a newer release made it: use that release"
        ),
        found=version,
        needed=needed,
    )
