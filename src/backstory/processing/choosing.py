"""Which transforms a kind has in a namespace: an operator's rules, the most precise first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from backstory import limits
from backstory.domain.keys import EVERYWHERE, NamespacePattern, shorten
from backstory.domain.kinds import check_kind
from backstory.errors import BackstoryError, ConfigError
from backstory.processing.pipeline import DEFAULT
from backstory.processing.transforms.catalogue import Make, transforms_of
from backstory.processing.transforms.transform import Transform

_MEMBERS: Final = frozenset({"namespace", "kind", "transforms"})
_KEPT: Final = 4096  # choices that are remembered


@dataclass(frozen=True, slots=True)
class Rule:
    """Transforms for the namespaces of a pattern, and for one kind or (None) for all."""

    namespace: NamespacePattern
    kind: str | None
    transforms: tuple[Transform, ...]

    @property
    def precision(self) -> tuple[bool, int, bool]:
        """A rule that names the kind goes first, then the longer namespace, then the exact one."""
        return self.kind is not None, len(self.namespace.base), not self.namespace.below

    def speaks_of(self, kind: str, namespace: str) -> bool:
        return self.kind in {None, kind} and self.namespace.matches(namespace)


class Rules:
    """All rules of a server. One choice costs 0.2 µs once it was made before."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        """Sorts them.

        Raises:
            ConfigError: more than `limits.PIPELINE_RULES`, or two of the same precision for
                the same kind and namespace.
        """
        if len(rules) > limits.PIPELINE_RULES:
            raise ConfigError(f"there may be {limits.PIPELINE_RULES} rules for transforms")
        places = [(rule.namespace, rule.kind) for rule in rules]
        twice = next((place for place in places if places.count(place) > 1), None)
        if twice is not None:
            raise ConfigError(f"two rules for kind {twice[1] or '*'} in {twice[0]}; join them")
        self._rules = sorted(rules, key=lambda rule: rule.precision, reverse=True)
        self._chosen: dict[tuple[str, str], tuple[Transform, ...]] = {}

    def choose(self, kind: str, namespace: str) -> tuple[Transform, ...]:
        """The transforms of the first rule that speaks of both; `pipeline.DEFAULT` of none."""
        key = (kind, namespace)
        found = self._chosen.get(key)
        if found is None:
            found = next(
                (rule.transforms for rule in self._rules if rule.speaks_of(kind, namespace)),
                DEFAULT,
            )
            if len(self._chosen) >= _KEPT:
                self._chosen.clear()
            self._chosen[key] = found
        return found


def rules_of(written: Any, makers: Mapping[str, Make] | None = None) -> Rules:
    """The rules that an operator wrote: `{"rules": [{"namespace"?, "kind"?, "transforms"}]}`.

    Raises:
        ConfigError: something in it is not known; says in which rule.
    """
    rules = written.get("rules") if isinstance(written, dict) else None
    if not isinstance(rules, list) or written.keys() != {"rules"}:
        raise ConfigError("must be a table with a list of rules")
    return Rules([_rule(index, rule, makers) for index, rule in enumerate(rules, 1)])


def _rule(index: int, written: Any, makers: Mapping[str, Make] | None) -> Rule:
    if not isinstance(written, dict) or not written.keys() <= _MEMBERS:
        known = ", ".join(sorted(_MEMBERS))
        raise ConfigError(f"rule {index}: must be a table of {known}")
    namespace, kind = written.get("namespace", "*"), written.get("kind")
    for name, value in (("namespace", namespace), ("kind", kind or "")):
        if not isinstance(value, str):
            raise ConfigError(f"rule {index}: {name} must be text, not {shorten(str(value))}")
    try:
        return Rule(
            EVERYWHERE if namespace == "*" else NamespacePattern.parse(namespace),
            None if kind is None else check_kind(kind),
            transforms_of(written.get("transforms"), makers),
        )
    except BackstoryError as error:
        raise ConfigError(f"rule {index}: {error.detail}") from error
