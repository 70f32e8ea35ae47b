"""The steps from one schema to the next, as files.

Migrations are files `NNNN-before-deploy-name.sql` or `NNNN-after-deploy-name.sql`; the number
is the schema version that the store has after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from backstory.errors import SchemaVersionError

_NAME = re.compile(r"(\d{4})-(?:before|after)-deploy-([a-z0-9-]+)\.sql\Z")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step, to the schema version `number`."""

    number: int
    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Migrated:
    """From which schema version to which, and by what; equal where there was nothing to do."""

    before: int
    after: int
    applied: tuple[str, ...]


def migrations_of(package: str, folder: Traversable | None = None) -> tuple[Migration, ...]:
    """All steps of a store's package, in order."""
    folder = folder or files(package) / "migrations"
    named = ((_NAME.match(file.name), file) for file in folder.iterdir())
    steps = [
        Migration(int(match[1]), match[2], file.read_text(encoding="utf-8"))
        for match, file in named
        if match
    ]
    return tuple(sorted(steps, key=lambda step: step.number))


def pending(steps: Sequence[Migration], before: int) -> Sequence[Migration]:
    """What is left to do for a store of that schema version.

    Raises:
        SchemaVersionError: a newer release made the store.
    """
    newest = steps[-1].number if steps else 0
    if before > newest:
        raise SchemaVersionError(
            f"the store has schema version {before}, this release knows {newest}; "
            "use the newer release that made it",
            found=before,
            needed=newest,
        )
    return [step for step in steps if step.number > before]


def migrated(before: int, done: Sequence[Migration]) -> Migrated:
    """What was done."""
    after = done[-1].number if done else before
    return Migrated(before, after, tuple(step.name for step in done))
