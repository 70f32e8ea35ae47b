"""What a kind demands, as the state of a context in a reserved namespace.

Kinds are contexts (`_system.kinds/<kind>`), so versions, history, watches and caches come
with them. Their state is

    {"version": 3, "compatibility": "backward", "schema": {...}, "entry_schema": {...},
     "migrations": {"3": [...]}}

where `version` counts the schema's versions, one for each change of it, and `migrations`
maps a version to the step that leads to it. Earlier schemas are the context's history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from backstory.domain import patches
from backstory.domain.kinds import NAMESPACE
from backstory.errors import StoreCorruptError
from backstory.processing.schemas.compatibility import Compatibility
from backstory.processing.schemas.migrations import Migration, migrate
from backstory.processing.schemas.validating import SchemaValidator


@dataclass(frozen=True, slots=True)
class KindSchema:
    """One version of what a kind demands of its states and entries; None demands nothing.

    An entry schema is held against the entry as it is sent: `{role, content, type, id?,
    metadata?}`, `type` with its default.
    """

    version: int
    schema: dict[str, Any] | None
    entry_schema: dict[str, Any] | None = None
    compatibility: Compatibility = Compatibility.BACKWARD
    migrations: Mapping[int, Migration] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The state of the kind's context.

        Raises:
            TooLargeError: over `limits.STATE_BYTES`.
        """
        members: dict[str, Any] = {"version": self.version, "compatibility": self.compatibility}
        if self.schema is not None:
            members["schema"] = self.schema
        if self.entry_schema is not None:
            members["entry_schema"] = self.entry_schema
        if self.migrations:
            members["migrations"] = {
                str(version): list(step.operations) for version, step in self.migrations.items()
            }
        return patches.encode_state(members)

    @classmethod
    def decode(cls, state: bytes) -> KindSchema:
        """The kind whose context has this state.

        Raises:
            StoreCorruptError: the state is not one that `encode` makes.
        """
        try:
            raw = orjson.loads(state)
            return cls(
                raw["version"],
                raw.get("schema"),
                raw.get("entry_schema"),
                Compatibility(raw["compatibility"]),
                {
                    int(version): Migration(tuple(operations))
                    for version, operations in raw.get("migrations", {}).items()
                },
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreCorruptError(f"the state of a kind in {NAMESPACE} is damaged") from error


class CompiledKind:
    """A kind ready to check what comes in. Safe to share between threads."""

    __slots__ = ("entry", "kind", "state")

    def __init__(self, kind: KindSchema) -> None:
        """Compiles both schemas, in 0.1 to some milliseconds.

        Raises:
            SchemaError, TooLargeError: as `SchemaValidator`.
        """
        self.kind = kind
        self.state = None if kind.schema is None else SchemaValidator(kind.schema, "/schema")
        self.entry = (
            None
            if kind.entry_schema is None
            else SchemaValidator(kind.entry_schema, "/entry_schema")
        )

    def check_state(self, document: Any, pointer: str = "/state") -> None:
        """Nothing, where the state fits.

        Raises:
            SchemaError: it does not; `errors` points to the data and to the rules.
        """
        if self.state is not None:
            self.state.check(document, pointer)

    def check_entry(self, document: Any, pointer: str) -> None:
        """Nothing, where the entry fits.

        Raises:
            SchemaError: it does not; `errors` points to the data and to the rules.
        """
        if self.entry is not None:
            self.entry.check(document, pointer)

    def migrate(self, state: bytes, from_version: int) -> bytes:
        """A state of an earlier version of the kind as this version wants it.

        Raises:
            SchemaError, TooLargeError: as `migrations.migrate`.
        """
        return migrate(state, self.kind.migrations, from_version, self.kind.version)
