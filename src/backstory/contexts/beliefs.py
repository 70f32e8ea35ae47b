"""What a process believes of kinds and rules, so that a write need not read them first.

Another process may know better. Whoever acts on a belief has it checked: a commit carries the
kinds it was prepared under, and the store refuses it where they stand no more.
"""

from __future__ import annotations

from typing import Final, TypeVar

from backstory import limits
from backstory.domain.contexts import Tag
from backstory.domain.keys import ContextKey
from backstory.domain.ruling import KindRule
from backstory.ports.memories import Hits

_K = TypeVar("_K")
_V = TypeVar("_V")

Ruling = tuple[KindRule, Tag | None]
"""A rule, and the tag of its kind's context that it was in force by."""


class Beliefs:
    """The rules and the contexts' kinds that were seen last."""

    def __init__(self) -> None:
        self._rules: Final[dict[tuple[str, str, str], Ruling]] = {}
        self._kinds: Final[dict[tuple[str, ContextKey], str]] = {}
        self.rules_seen, self.kinds_seen = Hits(), Hits()

    def rule(self, tenant: str, kind: str, namespace: str) -> Ruling | None:
        """The rule that a kind had in a namespace."""
        return self.rules_seen.seen(self._rules.get((tenant, kind, namespace)))

    def kind(self, tenant: str, key: ContextKey) -> str | None:
        """The kind that a context had."""
        return self.kinds_seen.seen(self._kinds.get((tenant, key)))

    def learn_rule(self, tenant: str, kind: str, namespace: str, ruling: Ruling) -> None:
        _keep(self._rules, (tenant, kind, namespace), ruling, limits.RULES_BELIEVED)

    def learn_kind(self, tenant: str, key: ContextKey, kind: str) -> None:
        _keep(self._kinds, (tenant, key), kind, limits.CONTEXT_KINDS_BELIEVED)


def _keep(known: dict[_K, _V], key: _K, value: _V, most: int) -> None:
    if len(known) >= most and key not in known:
        known.clear()
    known[key] = value
