"""What every store is told of itself when it is opened."""

from __future__ import annotations

from dataclasses import dataclass

from backstory.errors import SchemaVersionError, StoreUnavailableError


@dataclass(frozen=True, slots=True)
class Meta:
    """The store's present life and its secret."""

    epoch: str
    first_epoch: bool
    secret: bytes


@dataclass(frozen=True, slots=True)
class Epochs:
    """The life that a store has ended, and the one that it has begun."""

    before: str
    after: str


def same_life(opened: str, now: str | None) -> None:
    """Whether what a process knows is of the store as it is.

    Raises:
        StoreUnavailableError: it is not, since the store has begun another epoch.
    """
    if opened != now:
        raise StoreUnavailableError(
            "the store has begun another epoch since this process was started; restart it",
            retry_after=1,
        )


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
