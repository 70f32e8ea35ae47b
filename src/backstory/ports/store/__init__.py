"""The store: the one place of truth.

**Atomic and durable.** `commit` has happened as a whole, and survives a crash of the process
and of the machine, when it returns; when it raises, nothing of it has, but for
`OutcomeUnknownError`. **Ordered.** A tenant's positions are handed out in commit order without
gaps, a context's versions and seqs likewise. **Linearizable.** A read that begins after a
commit was acknowledged, on any node, sees it. **Apart.** Nothing of another tenant is ever
read, counted or ranked. **Decided elsewhere.** What a commit does is `domain.planning.plan`;
a store loads, calls and writes.

Every method raises from the tree of `backstory.errors` only: `StoreUnavailableError`,
`StoreCorruptError`, `StoreFullError`, `OutcomeUnknownError` where the store cannot do its
work, beside what is named below. Cancelling a caller never undoes half of a commit.
"""

from __future__ import annotations

from backstory.ports.store.contexts import Commits, Contents, Reads
from backstory.ports.store.values import (
    ChangePage,
    ChangeQuery,
    EntryPage,
    EntryQuery,
    HeadQuery,
    Mark,
    Match,
    MatchText,
    OutlinePage,
    OutlineQuery,
    SearchQuery,
    Standing,
    View,
)
from backstory.ports.store.whole import (
    Changes,
    Erases,
    Finds,
    Gone,
    Held,
    Holder,
    MakeHolder,
    Notes,
    Store,
)

__all__ = [
    "ChangePage",
    "ChangeQuery",
    "Changes",
    "Commits",
    "Contents",
    "EntryPage",
    "EntryQuery",
    "Erases",
    "Finds",
    "Gone",
    "HeadQuery",
    "Held",
    "Holder",
    "MakeHolder",
    "Mark",
    "Match",
    "MatchText",
    "Notes",
    "OutlinePage",
    "OutlineQuery",
    "Reads",
    "SearchQuery",
    "Standing",
    "Store",
    "View",
]
