"""Which releases can use a store: two numbers that it holds, and three that a release knows.

The numbers are those of migrations. A store holds the last step that was applied, and the last
of those that code has to know to use it, its floor. A step that is applied before the deploy
leaves the floor where it is: the release before knows nothing of the step, and goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from backstory.errors import SchemaVersionError


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a store stands: all steps up to `applied` are done; code has to know `floor`."""

    floor: int
    applied: int


@dataclass(frozen=True, slots=True)
class Known:
    """What a release knows of its store.

    `single` is the last step of the releases that keep one number, `floor` what a new store asks
    of others, `needed` the last step that this code cannot do without, `newest` the last it has.
    """

    single: int
    floor: int
    needed: int
    newest: int

    def standing(self, version: int, applied: int | None) -> Standing:
        """Of the numbers in a store; `applied` is None where there is no room for it yet."""
        if version < self.single or not applied:
            return Standing(version, version)
        return Standing(version, max(version, applied))

    def check(self, standing: Standing) -> None:
        """Whether this release can use the store.

        Raises:
            SchemaVersionError: it cannot; names what can be done.
        """
        if standing.floor > self.newest:
            raise SchemaVersionError(
                f"the store has schema version {standing.floor}, this release needs {self.newest}; "
                "`backstory migrate` of a newer release made it: use that release",
                found=standing.floor,
                needed=self.newest,
            )
        if standing.applied < self.needed:
            raise SchemaVersionError(
                f"the store has schema version {standing.applied}, this release needs "
                f"{self.needed}; run `backstory migrate`",
                found=standing.applied,
                needed=self.needed,
            )

    def after(self, step: int, standing: Standing, *, leaves_floor: bool) -> Standing:
        """Where a store stands behind a step. A release that keeps one number knows no other."""
        keeps = leaves_floor and step > self.single
        return Standing(standing.floor if keeps else step, step)
