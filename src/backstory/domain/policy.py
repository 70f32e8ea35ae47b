"""What a principal may do: roles give verbs on namespaces, denials take some, scopes narrow them.

This is the pure half of authorisation. `contexts/` asks it, and nothing else decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from backstory import limits
from backstory.domain.keys import EVERYWHERE, NamespacePattern
from backstory.domain.permissions import (
    KEPT_RIGHTS,
    Bound,
    Grant,
    Life,
    Permission,
    Rights,
    Verb,
)
from backstory.domain.principals import Principal, segment_of
from backstory.domain.visibility import Visibility, meet
from backstory.errors import InvalidKeyError

__all__ = ["Decision", "Permission", "Verb", "Visibility"]


def _on(pattern: NamespacePattern, *verbs: Verb, reserved: bool = False) -> tuple[Permission, ...]:
    return tuple(Permission(verb, pattern, reserved) for verb in verbs)


ADMIN: Final = "admin"
_ROLES: Final[dict[str, tuple[Permission, ...]]] = {
    ADMIN: _on(EVERYWHERE, *Verb, reserved=True),
    "editor": _on(EVERYWHERE, Verb.READ, reserved=True) + _on(EVERYWHERE, Verb.WRITE),
    "reader": _on(EVERYWHERE, Verb.READ, reserved=True),
}
MEMBER: Final = "member"
BUILT_IN: Final = frozenset({*_ROLES, MEMBER})
"""The roles from the start; a tenant cannot make others of their names."""

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


def with_rights(principal: Principal, bound: Bound, life: Life | None = None) -> Principal:
    """The principal with all its rights, those that the store binds to it included."""
    rights = _work_out(replace(principal, rights=None), bound, life or Life())
    return replace(principal, rights=rights)


def _work_out(principal: Principal, bound: Bound, life: Life) -> Rights:
    roles = [*((role, None) for role in sorted(principal.roles)), *bound.roles]
    own = (Grant(p, role, by) for role, by in roles for p in _of_role(role, principal))
    held = (*own, *bound.allowed)
    allowed = _narrowed_to(principal, tuple(each.permission for each in held))
    steadfast = any(role == ADMIN for role, _ in roles)
    return Rights(held, bound.denied, allowed, steadfast, bound, life)


def granted(principal: Principal) -> tuple[Permission, ...]:
    """All that the principal's roles grant, whatever its token's scope is or anything denies."""
    if principal.rights is not None:
        return tuple(each.permission for each in principal.rights.held)
    if len(principal.roles) == 1:  # as nearly always: nothing to put together
        (role,) = principal.roles
        return _of_role(role, principal)
    return tuple(p for role in sorted(principal.roles) for p in _of_role(role, principal))


def _of_role(role: str, principal: Principal) -> tuple[Permission, ...]:
    if role == MEMBER:
        return _on(own_namespace(principal), Verb.READ, Verb.WRITE, Verb.INSTRUCT)
    return _ROLES.get(role, ())


def permissions(principal: Principal) -> tuple[Permission, ...]:
    """All that its roles grant, narrowed by the scope of its token; denials come on top."""
    if principal.rights is not None:
        return principal.rights.allowed
    if principal.scopes is None and MEMBER not in principal.roles:
        return granted(principal)
    return _narrowed(principal)


def denied(principal: Principal) -> tuple[Grant, ...]:
    """What is taken from it, whatever its roles grant."""
    return () if principal.rights is None else principal.rights.denied


@lru_cache(maxsize=limits.PRINCIPALS_KNOWN)
def _narrowed(principal: Principal) -> tuple[Permission, ...]:
    return _narrowed_to(principal, granted(principal))


def _narrowed_to(principal: Principal, held: tuple[Permission, ...]) -> tuple[Permission, ...]:
    if principal.scopes is None:
        return held
    scopes = list(_scopes(principal.scopes))
    return tuple(
        dict.fromkeys(
            Permission(each.verb, pattern, each.reserved)
            for each in held
            for verbs, asked in scopes
            if each.verb in verbs
            for pattern in meet((each.pattern,), asked)
        )
    )


def letting_through(words: Iterable[str], verb: Verb, namespace: str) -> Iterator[str]:
    """The words of a scope that let the verb through in the namespace."""
    for word in sorted(words):
        if any(verb in verbs and asked.matches(namespace) for verbs, asked in _scopes((word,))):
            yield word


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
    if principal.scopes is not None and _grants(principal, verb, namespace):
        return Decision.NARROW
    if _grants(principal, Verb.READ, namespace):
        return Decision.REFUSED
    return Decision.UNSEEN


def allows(principal: Principal, verb: Verb, namespace: str) -> bool:
    """Whether roles and scope let the principal do it in the namespace, and nothing denies it."""
    if principal.rights is not None:
        return principal.rights.allows(verb, namespace)
    return any(p.covers(verb, namespace) for p in permissions(principal))


def _grants(principal: Principal, verb: Verb, namespace: str) -> bool:
    """The same, whatever the scope of its token is."""
    if principal.rights is not None:
        return principal.rights.grants(verb, namespace)
    return any(p.covers(verb, namespace) for p in granted(principal))


def anywhere(principal: Principal, verb: Verb) -> bool:
    """Whether there is any namespace in which it may do it."""
    return bool(_covered(principal, verb, permissions(principal)).patterns)


def places(principal: Principal, verb: Verb) -> tuple[NamespacePattern, ...]:
    """Where it may do it; parts of each may be denied."""
    return _covered(principal, verb, permissions(principal)).patterns


def visibility(principal: Principal, asked: NamespacePattern | None = None) -> Visibility:
    """What the principal may read, narrowed to what was asked for."""
    return _covered(principal, Verb.READ, permissions(principal)).within(asked)


def hidden_by_scope(principal: Principal, asked: NamespacePattern | None = None) -> bool:
    """Whether its roles would show something of what was asked for, and its scope nothing."""
    if principal.scopes is None or visibility(principal, asked).patterns:
        return False
    return bool(_covered(principal, Verb.READ, granted(principal)).within(asked).patterns)


def _covered(principal: Principal, verb: Verb, rights: Iterable[Permission]) -> Visibility:
    found = [p for p in rights if p.verb is verb and p.reaches]
    reserved = any(p.reserved for p in found if not p.pattern.base)
    patterns = tuple(p.pattern for p in found)
    taken = denied(principal)
    if not taken:
        return Visibility(patterns, reserved)
    hidden = tuple(each.permission.pattern for each in taken if each.permission.verb is verb)
    steadfast = principal.rights is not None and principal.rights.steadfast
    kept = KEPT_RIGHTS if steadfast else ()
    return Visibility.of(patterns, reserved=reserved, hidden=hidden, kept=kept)
