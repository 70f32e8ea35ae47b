"""Who has which roles beside those of its token: a subject, a group or a client of the tenant.

A binding is the state of a context whose name follows from whom it binds, so that what is bound
to a caller is found by a few names, however many bindings there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from backstory import limits
from backstory.domain.keys import ContextKey, shorten
from backstory.domain.kinds import ACCESS_BINDING
from backstory.domain.permissions import BINDINGS
from backstory.domain.principals import Principal, segment_of
from backstory.domain.roles import is_role_name, key_of, members_of, raise_all
from backstory.domain.subjects import USERS
from backstory.errors import SchemaError, Violation

KIND: Final = ACCESS_BINDING

Family = Literal["subjects", "groups", "clients"]
FAMILIES: Final[tuple[str, ...]] = get_args(Family)


@dataclass(frozen=True, slots=True)
class Bindee:
    """Whom a binding binds."""

    family: str
    name: str

    @property
    def key(self) -> ContextKey:
        """The context that holds the binding."""
        return ContextKey(BINDINGS, f"{self.family}.{segment_of(self.name)}")

    def __str__(self) -> str:
        return f"{self.family}/{self.name}"


def bindee(family: str, name: str) -> Bindee:
    """A checked one.

    Raises:
        SchemaError: it is nobody that a token could name.
    """
    if family not in FAMILIES:
        detail = f"must be one of {', '.join(FAMILIES)}"
        raise SchemaError(f"{shorten(family)} {detail}", errors=(Violation("/family", detail),))
    if not name or len(name.encode()) > limits.SUBJECT_BYTES or not name.isprintable():
        detail = f"a name must be text of 1 to {limits.SUBJECT_BYTES} bytes"
        raise SchemaError(detail, errors=(Violation("/name", detail),))
    return Bindee(family, name)


def keys_of(subject: str) -> tuple[ContextKey, ...]:
    """Where that is kept which is bound to a subject, such as `users.42`.

    A client may be bound by its name as a client, and as the subject of its own tokens.
    """
    family, _, segment = subject.partition(".")
    families = ("subjects",) if family == USERS else ("clients", "subjects")
    return tuple(ContextKey(BINDINGS, f"{each}.{segment}") for each in families)


def bindees_of(principal: Principal) -> Iterator[Bindee]:
    """All as whom the caller may be bound."""
    yield Bindee("subjects", principal.subject)
    if principal.client is not None:
        yield Bindee("clients", principal.client)
    for group in sorted(principal.groups):
        yield Bindee("groups", group)


@dataclass(frozen=True, slots=True)
class Binding:
    """The roles that somebody has."""

    bindee: Bindee
    roles: tuple[str, ...]

    def view(self) -> dict[str, Any]:
        """It as callers see it, and as it is kept."""
        return {
            "family": self.bindee.family,
            "name": self.bindee.name,
            "roles": list(self.roles),
        }


def read(bindee: Bindee, value: Any) -> Binding:
    """The binding that a JSON value spells.

    Raises:
        SchemaError: it is none, or one of somebody else.
    """
    wrong: list[Violation] = []
    members = members_of(value, ("family", "name", "roles"), wrong)
    for member, there in (("family", bindee.family), ("name", bindee.name)):
        if members.get(member, there) != there:
            wrong.append(Violation(f"/{member}", f"is not that of {bindee}"))
    roles = members.get("roles")
    if not isinstance(roles, list) or not 0 < len(roles) <= limits.BINDING_ROLES:
        wrong.append(Violation("/roles", f"must be a list of 1 to {limits.BINDING_ROLES} roles"))
        roles = []
    for place, role in enumerate(roles):
        if not isinstance(role, str) or not is_role_name(role):
            wrong.append(Violation(f"/roles/{place}", _of_role(role)))
    raise_all(wrong)
    return Binding(bindee, tuple(dict.fromkeys(roles)))


def _of_role(role: Any) -> str:
    try:
        key_of(role if isinstance(role, str) else "")
    except SchemaError as error:
        return error.detail
    return "must be the name of a role"
