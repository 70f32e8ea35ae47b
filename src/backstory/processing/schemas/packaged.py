"""Kinds that extensions bring: the same as registered ones, but known without being registered.

A maker takes nothing and gives what `PUT /v1/kinds/{kind}` takes, and where the schema is not
the package's first the `version` of it, with `migrations` that lead there::

    {"schema": {...}, "entry_schema"?: {...}, "compatibility"?: "backward",
     "version"?: 3, "migrations"?: {"2": [...], "3": [...]}}

No server knows the versions that a package had before, so nobody but its author can see to it
that a new one keeps the kind's promise, and raises `version`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, NotRequired, TypedDict

import orjson

from backstory import limits
from backstory.domain.intake import wrong
from backstory.domain.kinds import BUILT_IN, KIND, Packaged, check_kind
from backstory.extensions import KINDS, Extension, Group
from backstory.processing.schemas.kinds import KindSchema
from backstory.processing.schemas.migrations import Migration
from backstory.processing.schemas.registering import register


class KindSpec(TypedDict):
    """What the maker of a kind gives. At least one of the schemas has to be there."""

    schema: NotRequired[dict[str, Any]]
    entry_schema: NotRequired[dict[str, Any]]
    compatibility: NotRequired[str]
    version: NotRequired[int]
    migrations: NotRequired[dict[str, list[dict[str, Any]]]]


def _packaged(extension: Extension, maker: Any) -> Packaged:
    check_kind(extension.name)
    kind = kind_of(maker())
    return Packaged(kind.encode(), extension.package, extension.version)


GROUP: Final = Group(KINDS, BUILT_IN | {KIND}, _packaged)


def kind_of(spec: Any) -> KindSchema:
    """The kind that an extension describes.

    Raises:
        SchemaError, TooLargeError: it is none, or one of its schemas or migrations is none.
        TypeError: it is no JSON.
    """
    body = orjson.loads(orjson.dumps(spec, option=orjson.OPT_NON_STR_KEYS))
    if not isinstance(body, dict):
        raise wrong("", "must be an object with a schema")
    migrations = _migrations(body.pop("migrations", {}))
    version = body.pop("version", max(migrations, default=1))
    if isinstance(version, bool) or not isinstance(version, int):
        raise wrong("/version", "must be a whole number")
    if not max(migrations, default=1) <= version <= limits.KIND_VERSIONS:
        detail = f"must be from that of the last migration to {limits.KIND_VERSIONS}"
        raise wrong("/version", detail)
    return replace(register(None, body), version=version, migrations=migrations)


def _migrations(raw: Any) -> dict[int, Migration]:
    if not isinstance(raw, dict):
        raise wrong("/migrations", 'must be an object of versions, such as {"2": [...]}')
    steps = {
        _version(name): Migration.of(step, f"/migrations/{name}") for name, step in raw.items()
    }
    return dict(sorted(steps.items()))


def _version(name: str) -> int:
    if not (name.isascii() and name.isdecimal() and 2 <= int(name) <= limits.KIND_VERSIONS):
        raise wrong("/migrations", f"each leads to a version, from 2 to {limits.KIND_VERSIONS}")
    return int(name)
