"""A new version of what a kind demands: read, checked and held against the kind's promise."""

from __future__ import annotations

from typing import Any, Final

from backstory import limits
from backstory.domain.intake import escape
from backstory.errors import LimitReachedError, SchemaError, Violation
from backstory.processing.schemas import compatibility
from backstory.processing.schemas.compatibility import Compatibility
from backstory.processing.schemas.forms import encoded
from backstory.processing.schemas.kinds import CompiledKind, KindSchema
from backstory.processing.schemas.migrations import Migration

_MEMBERS: Final = frozenset({"schema", "entry_schema", "compatibility", "migration"})


def register(standing: KindSchema | None, body: Any) -> KindSchema:
    """The kind after `PUT /v1/kinds/{kind}`; the standing one itself where nothing changes.

    The body is `{"schema", "entry_schema"?, "compatibility"?, "migration"?}`. The promise that
    counts is the standing one: a body that changes it has to keep it once more.
    A migration brings kept states along, so the new schema need not admit them; entries are
    never rewritten, so for them, and for older readers, the promise stands. A state that does
    not fit after its migration fails with its next write.

    May take long (`compatibility.breaks`); callers keep it off the event loop.

    Raises:
        SchemaError: the body or a schema in it is none; names each place.
        TooLargeError: over a bound of `limits`.
        IncompatibleError: the standing promise would be broken; names each breaking change.
        LimitReachedError: the kind has had `limits.KIND_VERSIONS`.
    """
    mode, migration = _read(body, standing)
    schema, entry_schema = body.get("schema"), body.get("entry_schema")
    CompiledKind(KindSchema(1, schema, entry_schema))  # raises what is wrong with them
    if standing is None:
        return KindSchema(1, schema, entry_schema, mode)
    same = _same(standing.schema, schema) and _same(standing.entry_schema, entry_schema)
    if same and migration is None:
        if mode is standing.compatibility:
            return standing
        return KindSchema(standing.version, schema, entry_schema, mode, standing.migrations)
    if standing.version >= limits.KIND_VERSIONS:
        raise LimitReachedError(f"a kind may have {limits.KIND_VERSIONS} versions; use another")
    _keep_promise(standing, schema, entry_schema, migrated=migration is not None)
    version = standing.version + 1
    steps = dict(standing.migrations)
    if migration is not None:
        steps[version] = migration
    made = KindSchema(version, schema, entry_schema, mode, steps)
    made.encode()
    return made


def _keep_promise(
    standing: KindSchema,
    schema: dict[str, Any] | None,
    entry_schema: dict[str, Any] | None,
    *,
    migrated: bool,
) -> None:
    mode = standing.compatibility
    compatibility.require(standing.entry_schema, entry_schema, mode, "/entry_schema")
    if migrated:
        mode = {
            Compatibility.BACKWARD: Compatibility.NONE,
            Compatibility.FULL: Compatibility.FORWARD,
        }.get(mode, mode)
    compatibility.require(standing.schema, schema, mode, "/schema")


def _read(body: Any, standing: KindSchema | None) -> tuple[Compatibility, Migration | None]:
    """The mode and the migration of a request, once its members are known to be right."""
    if not isinstance(body, dict):
        raise _wrong("", "must be an object with a schema")
    for name in body:
        if name not in _MEMBERS:
            detail = f"no such member; there are {', '.join(sorted(_MEMBERS))}"
            raise _wrong(f"/{escape(name[:60])}", detail)
    if "schema" not in body and "entry_schema" not in body:
        raise _wrong("/schema", "is missing; a kind has a schema, an entry_schema or both")
    for name in ("schema", "entry_schema"):
        if name in body and not isinstance(body[name], dict):
            raise _wrong(f"/{name}", "must be a JSON Schema that is an object")
    mode = body.get("compatibility", standing.compatibility if standing else "backward")
    if not isinstance(mode, str) or mode not in set(Compatibility):
        raise _wrong("/compatibility", f"must be one of {', '.join(Compatibility)}")
    if "migration" not in body:
        return Compatibility(mode), None
    if standing is None:
        raise _wrong("/migration", "there is no earlier version to migrate from")
    return Compatibility(mode), Migration.of(body["migration"])


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return encoded(one) == encoded(other)


def _wrong(pointer: str, detail: str) -> SchemaError:
    return SchemaError(f"{pointer or 'the body'}: {detail}", errors=(Violation(pointer, detail),))
