"""The schema registry."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from backstory.transports.rest.schemas.words import Object


class PutKind(Struct, forbid_unknown_fields=True):
    """What a kind shall demand: JSON Schema 2020-12 for its states, its entries or both.

    `migration` is a JSON Patch template that brings states to this version.
    """

    schema: Object | UnsetType = UNSET
    entry_schema: Object | UnsetType = UNSET
    compatibility: Literal["backward", "forward", "full", "none"] | UnsetType = UNSET
    migration: list[Object] | UnsetType = UNSET


class Extension(Struct):
    """A package that was installed beside the server, and its version."""

    package: str
    version: str


class Kind(Struct):
    """A kind and its schemas (JSON Schema 2020-12); `extension` says whose, unless registered."""

    kind: str
    built_in: bool
    extension: Extension | None
    version: int
    schema_version: int
    schema: Object | None
    entry_schema: Object | None
    compatibility: str
    migrations: Object


class KindItem(Struct):
    """A kind; `schema_version` 0 where it has no schema."""

    kind: str
    built_in: bool
    extension: Extension | None
    version: int
    schema_version: int


class Kinds(Struct):
    """A page of kinds."""

    items: list[KindItem]
    next: str | None
