"""What a principal may do: roles give verbs on namespaces, scopes narrow them.

This is the pure half of authorisation. `contexts/` asks it, and nothing else decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from functools import lru_cache
from typing import Final

from backstory import limits
from backstory.domain.keys import EVERYWHERE, NamespacePattern
from backstory.domain.principals import Principal, segment_of
from backstory.errors import InvalidKeyError


class Verb(StrEnum):
    """What can be done in a namespace."""

    READ = "read"
    WRITE = "write"
    INSTRUCT = "instruct"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Permission:
    """One verb on the namespaces that a pattern covers."""

    verb: Verb
    pattern: NamespacePattern
    reserved: bool = False  # whether it reaches into reserved namespaces

    def covers(self, verb: Verb, namespace: str) -> bool:
        return (
            self.verb is verb
            and (self.reserved or not namespace.startswith("_"))
            and self.pattern.matches(namespace)
        )


def _on(pattern: NamespacePattern, *verbs: Verb, reserved: bool = False) -> tuple[Permission, ...]:
    return tuple(Permission(verb, pattern, reserved) for verb in verbs)


_ROLES: Final[dict[str, tuple[Permission, ...]]] = {
    "admin": _on(EVERYWHERE, *Verb, reserved=True),
    "editor": _on(EVERYWHERE, Verb.READ, reserved=True) + _on(EVERYWHERE, Verb.WRITE),
    "reader": _on(EVERYWHERE, Verb.READ, reserved=True),
}
_MEMBER: Final = "member"

_SCOPES: Final[dict[str, frozenset[Verb]]] = {
    "context:read": frozenset({Verb.READ}),
    "context:write": frozenset({Verb.WRITE, Verb.INSTRUCT}),
    "context:admin": frozenset(Verb),
}
SCOPES: Final = tuple(_SCOPES)
"""The scopes there are; each may end in `:` and a namespace pattern."""


def scope_for(verb: Verb) -> str:
    """The narrowest scope that lets the verb through."""
    return next(name for name, verbs in _SCOPES.items() if verb in verbs)


def own_namespace(principal: Principal) -> NamespacePattern:
    """Where a member is at home: `users.{sub}.*`, or `clients.{client_id}.*` of a machine."""
    family = "clients" if principal.machine else "users"
    return NamespacePattern(f"{family}.{segment_of(principal.subject)}", below=True)


def granted(principal: Principal) -> tuple[Permission, ...]:
    """All that the principal's roles grant, whatever its token's scope is."""
    if len(principal.roles) == 1:  # as nearly always: nothing to put together
        (role,) = principal.roles
        return _of_role(role, principal)
    return tuple(p for role in sorted(principal.roles) for p in _of_role(role, principal))


def _of_role(role: str, principal: Principal) -> tuple[Permission, ...]:
    if role == _MEMBER:
        return _on(own_namespace(principal), Verb.READ, Verb.WRITE, Verb.INSTRUCT)
    return _ROLES.get(role, ())


def permissions(principal: Principal) -> tuple[Permission, ...]:
    """All that it may do: what its roles grant, narrowed by the scope of its token."""
    if principal.scopes is None and _MEMBER not in principal.roles:
        return granted(principal)
    return _narrowed(principal)


@lru_cache(maxsize=limits.PRINCIPALS_KNOWN)
def _narrowed(principal: Principal) -> tuple[Permission, ...]:
    held = granted(principal)
    if principal.scopes is None:
        return held
    scopes = list(_scopes(principal.scopes))
    return tuple(
        dict.fromkeys(
            Permission(each.verb, pattern, each.reserved)
            for each in held
            for verbs, asked in scopes
            if each.verb in verbs
            for pattern in _meet((each.pattern,), asked)
        )
    )


def _scopes(words: Iterable[str]) -> Iterator[tuple[frozenset[Verb], NamespacePattern]]:
    """Those that are ours; what is not well-formed grants nothing."""
    for word in sorted(words):
        name, _, pattern = word.removeprefix("context:").partition(":")
        verbs = _SCOPES.get(f"context:{name}") if word.startswith("context:") else None
        if verbs is None or word.endswith(":"):
            continue
        try:
            yield verbs, NamespacePattern.parse(pattern) if pattern else EVERYWHERE
        except InvalidKeyError:
            continue


class Decision(Enum):
    """What is answered to one who asks for a verb in a namespace."""

    ALLOWED = auto()
    NARROW = auto()  # the roles allow it, the token's scope does not
    REFUSED = auto()  # may read there, but not do this
    UNSEEN = auto()  # may not know what is there


def decide(principal: Principal, verb: Verb, namespace: str) -> Decision:
    """Whether the verb is allowed in the namespace, and if not, why."""
    if allows(principal, verb, namespace):
        return Decision.ALLOWED
    held = granted(principal)
    if principal.scopes is not None and any(p.covers(verb, namespace) for p in held):
        return Decision.NARROW
    if any(p.covers(Verb.READ, namespace) for p in held):
        return Decision.REFUSED
    return Decision.UNSEEN


def allows(principal: Principal, verb: Verb, namespace: str) -> bool:
    """Whether roles and scope let the principal do it in the namespace."""
    return any(p.covers(verb, namespace) for p in permissions(principal))


@dataclass(frozen=True, slots=True)
class Visibility:
    """The namespaces that a list, search or stream may show: a union of patterns.

    A store applies it inside its query, before it counts, ranks or pages. Where it is not
    `reserved`, the pattern `*` stops at reserved namespaces; any other says what it means.
    """

    patterns: tuple[NamespacePattern, ...]
    reserved: bool = True

    @property
    def everything(self) -> bool:
        return self.reserved and EVERYWHERE in self.patterns

    def shows(self, namespace: str) -> bool:
        hidden = not self.reserved and namespace.startswith("_")
        return any(
            pattern.matches(namespace) and not (hidden and not pattern.base)
            for pattern in self.patterns
        )

    def within(self, asked: NamespacePattern | None) -> Visibility:
        """What is left of it inside one pattern."""
        if asked is None:
            return self
        hidden = not self.reserved and asked.base.startswith("_")
        open_ = (p for p in self.patterns if not (hidden and not p.base))
        return Visibility(tuple(dict.fromkeys(_meet(open_, asked))), self.reserved)


def _meet(
    patterns: Iterable[NamespacePattern], asked: NamespacePattern
) -> Iterable[NamespacePattern]:
    for pattern in patterns:
        if pattern.matches(asked.base) and (pattern.below or not asked.below or pattern == asked):
            yield asked
        elif asked.matches(pattern.base) or (asked.base == pattern.base):
            yield pattern


def visibility(principal: Principal, asked: NamespacePattern | None = None) -> Visibility:
    """What the principal may read, narrowed to what was asked for."""
    return _visible(permissions(principal)).within(asked)


def hidden_by_scope(principal: Principal, asked: NamespacePattern | None = None) -> bool:
    """Whether its roles would show something of what was asked for, and its scope nothing."""
    if principal.scopes is None or visibility(principal, asked).patterns:
        return False
    return bool(_visible(granted(principal)).within(asked).patterns)


def _visible(rights: Iterable[Permission]) -> Visibility:
    found = [p for p in rights if p.verb is Verb.READ and _reaches(p)]
    reserved = any(p.reserved for p in found if not p.pattern.base)
    return Visibility(tuple(p.pattern for p in found), reserved)


def _reaches(permission: Permission) -> bool:
    """Whether it covers anything: a reserved namespace needs a permission that reaches there."""
    return permission.reserved or not permission.pattern.base.startswith("_")
