"""Which namespaces a list, search or stream may show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backstory.domain.keys import EVERYWHERE, NamespacePattern


@dataclass(frozen=True, slots=True)
class Visibility:
    """A union of patterns, without what other patterns hide.

    A store applies it inside its query, before it counts, ranks or pages. Where it is not
    `reserved`, the pattern `*` stops at reserved namespaces; any other says what it means.
    What is `kept` is not hidden, where a pattern shows it. Without patterns nothing is shown.
    """

    patterns: tuple[NamespacePattern, ...]
    reserved: bool = True
    hidden: tuple[NamespacePattern, ...] = ()
    kept: tuple[NamespacePattern, ...] = ()

    @classmethod
    def of(
        cls,
        patterns: Iterable[NamespacePattern],
        *,
        reserved: bool,
        hidden: tuple[NamespacePattern, ...] = (),
        kept: tuple[NamespacePattern, ...] = (),
    ) -> Visibility:
        """The same without patterns that show nothing, since they are hidden as a whole."""
        left = (each for one in patterns for each in _unhidden(one, hidden, kept))
        return cls(tuple(dict.fromkeys(left)), reserved, hidden, kept)

    @property
    def everything(self) -> bool:
        return self.reserved and EVERYWHERE in self.patterns and not self.hidden

    def shows(self, namespace: str) -> bool:
        closed = not self.reserved and namespace.startswith("_")
        if not any(
            pattern.matches(namespace) and not (closed and not pattern.base)
            for pattern in self.patterns
        ):
            return False
        if not any(pattern.matches(namespace) for pattern in self.hidden):
            return True
        return any(pattern.matches(namespace) for pattern in self.kept)

    def within(self, asked: NamespacePattern | None) -> Visibility:
        """What is left of it inside one pattern."""
        if asked is None:
            return self
        closed = not self.reserved and asked.base.startswith("_")
        open_ = (p for p in self.patterns if not (closed and not p.base))
        return Visibility.of(
            meet(open_, asked), reserved=self.reserved, hidden=self.hidden, kept=self.kept
        )


def meet(
    patterns: Iterable[NamespacePattern], asked: NamespacePattern
) -> Iterator[NamespacePattern]:
    """What each of the patterns has in common with the one."""
    for pattern in patterns:
        if covers(pattern, asked):
            yield asked
        elif asked.matches(pattern.base) or (asked.base == pattern.base):
            yield pattern


def covers(pattern: NamespacePattern, other: NamespacePattern) -> bool:
    """Whether a pattern covers all that another one does."""
    return pattern.matches(other.base) and (pattern.below or not other.below or pattern == other)


def _unhidden(
    pattern: NamespacePattern,
    hidden: tuple[NamespacePattern, ...],
    kept: tuple[NamespacePattern, ...],
) -> Iterator[NamespacePattern]:
    if any(covers(each, pattern) for each in hidden):
        yield from meet(kept, pattern)
    else:
        yield pattern
