"""Which of an operator's rules speaks for a kind in a namespace: the most precise one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from backstory.domain.keys import EVERYWHERE, NamespacePattern, shorten
from backstory.domain.kinds import check_kind
from backstory.errors import BackstoryError, ConfigError

T = TypeVar("T")

_KEPT: Final = 4096  # choices that are remembered


@dataclass(frozen=True, slots=True)
class Rule(Generic[T]):
    """What holds in the namespaces of a pattern, and for one kind or (None) for all."""

    namespace: NamespacePattern
    kind: str | None
    what: T

    @property
    def precision(self) -> tuple[bool, int, bool]:
        """A rule that names the kind goes first, then the longer namespace, then the exact one."""
        return self.kind is not None, len(self.namespace.base), not self.namespace.below

    def speaks_of(self, kind: str, namespace: str) -> bool:
        return self.kind in {None, kind} and self.namespace.matches(namespace)


class Choice(Generic[T]):
    """All rules about one thing. One choice costs 0.2 µs once it was made before."""

    def __init__(self, rules: Sequence[Rule[T]], default: T, *, most: int) -> None:
        """Sorts them.

        Raises:
            ConfigError: more than `most`, or two of the same precision for the same kind and
                namespace.
        """
        if len(rules) > most:
            raise ConfigError(f"there may be {most} rules")
        places = [(rule.namespace, rule.kind) for rule in rules]
        twice = next((place for place in places if places.count(place) > 1), None)
        if twice is not None:
            raise ConfigError(f"two rules for kind {twice[1] or '*'} in {twice[0]}; join them")
        self._rules = sorted(rules, key=lambda rule: rule.precision, reverse=True)
        self._default = default
        self._chosen: dict[tuple[str, str], T] = {}

    def choose(self, kind: str, namespace: str) -> T:
        """What the first rule says that speaks of both; the default of none."""
        key = (kind, namespace)
        if key not in self._chosen:
            if len(self._chosen) >= _KEPT:
                self._chosen.clear()
            self._chosen[key] = next(
                (rule.what for rule in self._rules if rule.speaks_of(kind, namespace)),
                self._default,
            )
        return self._chosen[key]


def rules_from(
    written: Any, members: frozenset[str], read: Callable[[Mapping[str, Any]], T]
) -> list[Rule[T]]:
    """Rules as they are written: `[{"namespace"?, "kind"?, ...members}]`.

    Raises:
        ConfigError: something in it is not known; says in which rule.
    """
    if not isinstance(written, list):
        raise ConfigError("rules must be a list")
    known = members | {"namespace", "kind"}
    return [_rule(index, rule, known, read) for index, rule in enumerate(written, 1)]


def _rule(
    index: int, written: Any, known: frozenset[str], read: Callable[[Mapping[str, Any]], T]
) -> Rule[T]:
    if not isinstance(written, dict) or not written.keys() <= known:
        raise ConfigError(f"rule {index}: must be a table of {', '.join(sorted(known))}")
    namespace, kind = written.get("namespace", "*"), written.get("kind")
    for name, value in (("namespace", namespace), ("kind", kind or "")):
        if not isinstance(value, str):
            raise ConfigError(f"rule {index}: {name} must be text, not {shorten(str(value))}")
    try:
        return Rule(
            EVERYWHERE if namespace == "*" else NamespacePattern.parse(namespace),
            None if kind is None else check_kind(kind),
            read(written),
        )
    except BackstoryError as error:
        raise ConfigError(f"rule {index}: {error.detail}") from error
