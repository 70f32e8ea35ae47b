"""Which store keeps a namespace. Pure: nothing is asked.

Store 0 keeps whatever is routed nowhere else, reserved namespaces included. Patterns never
overlap, which the settings have checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from backstory import limits
from backstory.domain.keys import NamespacePattern
from backstory.domain.visibility import Visibility, covers


class Routing:
    """`patterns` has those of each store but the first."""

    def __init__(self, patterns: Sequence[Sequence[NamespacePattern]]) -> None:
        self._patterns = tuple(tuple(each) for each in patterns)
        self._all = tuple(pattern for each in self._patterns for pattern in each)
        self._below: dict[str, int] = {}
        self._alone: dict[str, int] = {}
        for at, each in enumerate(self._patterns, 1):
            for pattern in each:
                (self._below if pattern.below else self._alone)[pattern.base] = at
        self.of = lru_cache(maxsize=limits.KEYS_CHECKED)(self._of)
        """The number of the store that keeps a namespace."""
        self.narrowed = lru_cache(maxsize=limits.ROUTED_SIGHTS)(self._narrowed)
        """What one store has of what is visible; None where that is nothing."""

    def __len__(self) -> int:
        """How many stores there are."""
        return 1 + len(self._patterns)

    def _of(self, namespace: str) -> int:
        found = self._alone.get(namespace)
        base = namespace
        while found is None and base:
            found = self._below.get(base)
            base = base.rpartition(".")[0]
        return found or 0

    def _narrowed(self, visible: Visibility, store: int) -> Visibility | None:
        narrow = self._first(visible) if store == 0 else self._other(visible, store)
        return narrow if narrow.patterns else None

    def _first(self, visible: Visibility) -> Visibility:
        kept = tuple(
            each for each in visible.kept if not any(covers(one, each) for one in self._all)
        )
        return Visibility.of(
            visible.patterns,
            reserved=visible.reserved,
            hidden=(*visible.hidden, *self._all),
            kept=kept,
        )

    def _other(self, visible: Visibility, store: int) -> Visibility:
        within = (visible.within(mine).patterns for mine in self._patterns[store - 1])
        return Visibility.of(
            (pattern for patterns in within for pattern in patterns),
            reserved=visible.reserved,
            hidden=visible.hidden,
            kept=visible.kept,
        )
