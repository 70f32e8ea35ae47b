"""The steps from one schema to the next, as files.

Migrations are files `NNNN-before-deploy-name.sql` or `NNNN-after-deploy-name.sql`. A step before
the deploy is one that servers of the release before go on with: it is applied while they run. A
step after the deploy is one that they cannot use the store after: it waits until none runs.

A step for a file may look at much before it changes a little: what stands above the line
`-- then, with the file held` writes temporary tables only, while others go on writing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable

from backstory.errors import SchemaVersionError
from backstory.storage.standing import Standing

_NAME = re.compile(r"(\d{4})-(before|after)-deploy-([a-z0-9-]+)\.sql\Z")
_THEN = "-- then, with the file held\n"


class Deploy(StrEnum):
    """When a step is applied, in a roll to the release that brings it."""

    BEFORE = "before"
    """While servers of the release before run."""
    AFTER = "after"
    """When none of them runs any more."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step. `number` counts all steps of a store, in the order in which they are applied.

    `looks` is what it looks at first, see above.
    """

    number: int
    name: str
    sql: str
    deploy: Deploy = Deploy.BEFORE
    looks: str = ""


@dataclass(frozen=True, slots=True)
class Migrated:
    """From which step to which, and by what; equal where there was nothing to do.

    `pending` are the steps that are left for later.
    """

    before: int
    after: int
    applied: tuple[str, ...]
    pending: tuple[Migration, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody who migrates wants done: all steps, or those of one kind."""

    deploy: Deploy | None = None
    nothing: bool = False  # only to be told of what is pending


ALL = Wanted()


def migrations_of(package: str, folder: Traversable | None = None) -> tuple[Migration, ...]:
    """All steps of a store's package, in order."""
    folder = folder or files(package) / "migrations"
    named = ((_NAME.match(file.name), file) for file in folder.iterdir())
    steps = [_step(match, file.read_text(encoding="utf-8")) for match, file in named if match]
    return tuple(sorted(steps, key=lambda step: step.number))


def _step(match: re.Match[str], text: str) -> Migration:
    looks, _, sql = text.rpartition(_THEN)
    return Migration(int(match[1]), match[3], sql, Deploy(match[2]), looks)


def pending(steps: Sequence[Migration], standing: Standing) -> tuple[Migration, ...]:
    """What is left to do for a store that stands there.

    Raises:
        SchemaVersionError: only a newer release can use the store.
    """
    newest = steps[-1].number if steps else 0
    if standing.floor > newest:
        raise SchemaVersionError(
            f"the store has schema version {standing.floor}, this release knows {newest}; "
            "use the newer release that made it",
            found=standing.floor,
            needed=newest,
        )
    return tuple(step for step in steps if step.number > standing.applied)


def chosen(left: Sequence[Migration], wanted: Wanted) -> tuple[Migration, ...]:
    """Which of the steps that are left are applied: never one before those that come first.

    Raises:
        SchemaVersionError: what is wanted would come before what has to come first.
    """
    if wanted.nothing:
        return ()
    if wanted.deploy is None:
        return tuple(left)
    ready = 0
    while ready < len(left) and left[ready].deploy is wanted.deploy:
        ready += 1
    late = [step for step in left[ready:] if step.deploy is wanted.deploy]
    if late and (wanted.deploy is Deploy.BEFORE or not ready):
        raise _out_of_turn(left[ready], late[0])
    return tuple(left[:ready])


def _out_of_turn(first: Migration, late: Migration) -> SchemaVersionError:
    advice = (
        "when no server of an older release runs any more, `backstory migrate --after-deploy`"
        if first.deploy is Deploy.AFTER
        else "`backstory migrate --before-deploy`, then roll the servers"
    )
    return SchemaVersionError(
        f"step {late.number} ({late.name}) comes after step {first.number} ({first.name}), which "
        f"is to be applied {first.deploy} the deploy and is pending; first {advice}",
        found=first.number - 1,
        needed=first.number,
    )


def migrated(before: int, done: Sequence[Migration], left: Sequence[Migration] = ()) -> Migrated:
    """What was done, and what of it is left."""
    after = done[-1].number if done else before
    later = tuple(step for step in left if step.number > after)
    return Migrated(before, after, tuple(step.name for step in done), later)
