"""What a process remembers of the contexts it read: which tag was true, and when at the latest."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backstory import limits
from backstory.clock import SECOND
from backstory.domain.contexts import Tag
from backstory.domain.keys import ContextKey


@dataclass(slots=True)
class Belief:
    """`tag` was the context's at `at`; somebody asked for it at `read_at` (microseconds)."""

    tenant: str
    key: ContextKey
    tag: Tag
    at: int
    read_at: int


class Beliefs:
    """The contexts that were read last, at most `limits.STALE_CONTEXTS`."""

    def __init__(self) -> None:
        self._beliefs: OrderedDict[str, Belief] = OrderedDict()

    def get(self, name: str) -> Belief | None:
        return self._beliefs.get(name)

    def note(self, name: str, tenant: str, key: ContextKey, tag: Tag, at: int) -> None:
        """The store said so when it was asked at `at`."""
        known = self._beliefs.get(name)
        if known is None:
            self._beliefs[name] = Belief(tenant, key, tag, at, at)
            if len(self._beliefs) > limits.STALE_CONTEXTS:
                self._beliefs.popitem(last=False)
        elif at >= known.at:
            known.tag, known.at, known.read_at = tag, at, at
            self._beliefs.move_to_end(name)

    def drop(self, names: Iterable[str]) -> None:
        for name in names:
            self._beliefs.pop(name, None)

    def old(self, now: int) -> Mapping[str, list[tuple[str, Belief]]]:
        """By tenant, those to be asked about again; what nobody reads any more is let go."""
        unread = now - limits.STALE_SECONDS * SECOND
        self.drop([name for name, one in self._beliefs.items() if one.read_at < unread])
        by_tenant: dict[str, list[tuple[str, Belief]]] = defaultdict(list)
        for name, one in self._beliefs.items():
            by_tenant[one.tenant].append((name, one))
        return by_tenant
