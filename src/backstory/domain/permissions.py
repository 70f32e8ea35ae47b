"""What rights are made of: verbs on namespace patterns, granted or denied, with their origins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from backstory.domain.keys import NamespacePattern


class Verb(StrEnum):
    """What can be done in a namespace."""

    READ = "read"
    WRITE = "write"
    INSTRUCT = "instruct"
    ADMIN = "admin"


ROLES: Final = "_system.roles"
BINDINGS: Final = "_system.bindings"
KEPT_RIGHTS: Final = tuple(NamespacePattern(each, below=True) for each in (ROLES, BINDINGS))
"""Where rights are kept. No denial reaches an admin there, so that none locks a tenant out."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One verb on the namespaces that a pattern covers."""

    verb: Verb
    pattern: NamespacePattern
    reserved: bool = False  # whether it reaches into reserved namespaces

    @property
    def reaches(self) -> bool:
        """Whether it covers anything: a reserved namespace needs one that reaches there."""
        return self.reserved or not self.pattern.base.startswith("_")

    def covers(self, verb: Verb, namespace: str) -> bool:
        return (
            self.verb is verb
            and (self.reserved or not namespace.startswith("_"))
            and self.pattern.matches(namespace)
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission, or a denial, and where it comes from.

    `binding` names the binding that brought the role, None: the token names the role itself.
    """

    permission: Permission
    role: str
    binding: str | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """What the store says of a principal: which roles it has there, what they grant and deny.

    `roles` are those that are built in, each with its binding.
    """

    roles: tuple[tuple[str, str], ...] = ()
    allowed: tuple[Grant, ...] = ()
    denied: tuple[Grant, ...] = ()


NOTHING_BOUND: Final = Bound()


class Reach:
    """The namespaces that permissions of one verb cover together.

    Asking takes steps of the namespace's segments, however many permissions there are.
    """

    __slots__ = ("_below", "_everywhere", "_exact", "_reserved")

    def __init__(self, permissions: Iterable[Permission]) -> None:
        found = [each for each in permissions if each.reaches]
        whole = [each for each in found if not each.pattern.base]
        self._everywhere = bool(whole)
        self._reserved = any(each.reserved for each in whole)
        patterns = [each.pattern for each in found]
        self._below = frozenset(each.base for each in patterns if each.below)
        self._exact = frozenset(each.base for each in patterns if not each.below)

    def covers(self, namespace: str) -> bool:
        if self._everywhere and (self._reserved or not namespace.startswith("_")):
            return True
        if namespace in self._exact:
            return True
        if self._below:
            at = namespace
            while at:
                if at in self._below:
                    return True
                at = at.rpartition(".")[0]
        return False


def by_verb(permissions: Iterable[Permission]) -> Mapping[Verb, Reach]:
    """What permissions cover, each verb apart."""
    held = tuple(permissions)
    return {verb: Reach(each for each in held if each.verb is verb) for verb in Verb}


class Life:
    """Whether rights may still be believed: over as soon as something of them was changed."""

    __slots__ = ("over",)

    def __init__(self) -> None:
        self.over = False


@dataclass(frozen=True, slots=True, eq=False)
class Rights:
    """All that is known of what a principal may do, worked out once.

    `held` is what its roles grant, `allowed` what the scope of its token leaves of it. Whatever
    is `denied` counts for both. `steadfast` rights over `KEPT_RIGHTS` are denied to nobody.
    """

    held: tuple[Grant, ...]
    denied: tuple[Grant, ...]
    allowed: tuple[Permission, ...]
    steadfast: bool
    bound: Bound = NOTHING_BOUND
    life: Life = field(default_factory=Life)
    _held: Mapping[Verb, Reach] = field(init=False, repr=False)
    _denied: Mapping[Verb, Reach] = field(init=False, repr=False)
    _allowed: Mapping[Verb, Reach] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "_held", by_verb(each.permission for each in self.held))
        set_(self, "_denied", by_verb(each.permission for each in self.denied))
        set_(self, "_allowed", by_verb(self.allowed))

    def denies(self, verb: Verb, namespace: str) -> bool:
        if not self.denied or not self._denied[verb].covers(namespace):
            return False
        return not (self.steadfast and any(each.matches(namespace) for each in KEPT_RIGHTS))

    def allows(self, verb: Verb, namespace: str) -> bool:
        """Whether roles and scope allow it, and nothing denies it."""
        return self._allowed[verb].covers(namespace) and not self.denies(verb, namespace)

    def grants(self, verb: Verb, namespace: str) -> bool:
        """The same, whatever the scope is."""
        return self._held[verb].covers(namespace) and not self.denies(verb, namespace)
