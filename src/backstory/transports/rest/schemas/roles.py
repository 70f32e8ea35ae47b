"""Roles and bindings."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from backstory import limits

RoleName = Annotated[
    str, Meta(pattern="^[a-z][a-z0-9_-]*$", min_length=1, max_length=limits.ROLE_BYTES)
]
Family = Literal["subjects", "groups", "clients"]


class Rule(Struct, forbid_unknown_fields=True):
    """Verbs on namespace patterns; a segment may be {sub}, {client_id}, {tenant} or {group}."""

    verbs: Annotated[
        list[Literal["read", "write", "instruct", "admin"]], Meta(min_length=1, max_length=16)
    ]
    namespaces: Annotated[list[str], Meta(min_length=1, max_length=limits.ROLE_NAMESPACES)]


Rules = Annotated[list[Rule], Meta(max_length=limits.ROLE_RULES)]


class PutRole(Struct, forbid_unknown_fields=True):
    """What a role shall allow, and deny whatever else allows it; a denied read denies everything."""

    description: Annotated[str, Meta(max_length=limits.ROLE_DESCRIPTION_CHARS)] | UnsetType = UNSET
    allow: Rules | UnsetType = UNSET
    deny: Rules | UnsetType = UNSET


class Role(Struct):
    """A role; one that is not `readable` grants nothing and denies everything."""

    role: str
    built_in: bool
    version: int
    readable: bool
    description: str
    allow: list[Rule]
    deny: list[Rule]


class Roles(Struct):
    """A page of roles."""

    items: list[Role]
    next: str | None


class PutBinding(Struct, forbid_unknown_fields=True):
    """The roles that are bound; `family` and `name` are those of the path, if given."""

    roles: Annotated[list[RoleName], Meta(min_length=1, max_length=limits.BINDING_ROLES)]
    family: Family | UnsetType = UNSET
    name: Annotated[str, Meta(min_length=1, max_length=limits.SUBJECT_BYTES)] | UnsetType = UNSET


class Binding(Struct):
    """Who has which roles; one that is not `readable` denies everything to whom it binds."""

    family: str
    name: str
    roles: list[str]
    version: int
    readable: bool


class Bindings(Struct):
    """A page of bindings."""

    items: list[Binding]
    next: str | None
