"""What a principal may do: roles give verbs on namespaces, scopes narrow them.

This is the pure half of authorisation. `contexts/` asks it, and nothing else decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from backstory.domain.keys import EVERYWHERE, NamespacePattern
from backstory.domain.principals import Principal


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


_ROLES: dict[str, tuple[Permission, ...]] = {
    "admin": _on(EVERYWHERE, *Verb, reserved=True),
    "editor": _on(EVERYWHERE, Verb.READ, reserved=True) + _on(EVERYWHERE, Verb.WRITE),
    "reader": _on(EVERYWHERE, Verb.READ, reserved=True),
}


def permissions(principal: Principal) -> tuple[Permission, ...]:
    """All that the principal's roles grant."""
    if len(principal.roles) == 1:  # as nearly always: nothing to put together
        (role,) = principal.roles
        return _ROLES.get(role, ())
    return tuple(p for role in sorted(principal.roles) for p in _ROLES.get(role, ()))


def allows(principal: Principal, verb: Verb, namespace: str) -> bool:
    """Whether the principal's roles grant the verb in the namespace."""
    return any(p.covers(verb, namespace) for p in permissions(principal))


@dataclass(frozen=True, slots=True)
class Visibility:
    """The namespaces that a list, search or stream may show: a union of patterns.

    A store applies it inside its query, before it counts, ranks or pages.
    """

    patterns: tuple[NamespacePattern, ...]

    @property
    def everything(self) -> bool:
        return EVERYWHERE in self.patterns

    def shows(self, namespace: str) -> bool:
        return any(pattern.matches(namespace) for pattern in self.patterns)

    def within(self, asked: NamespacePattern | None) -> Visibility:
        """What is left of it inside one pattern."""
        if asked is None:
            return self
        return Visibility(tuple(_meet(self.patterns, asked)))


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
    granted = tuple(p.pattern for p in permissions(principal) if p.verb is Verb.READ)
    return Visibility(granted).within(asked)
