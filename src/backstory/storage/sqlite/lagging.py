"""When the index of words follows: once nobody writes, or once it is too far behind.

One transaction for many entries costs a fraction of one for each, and nobody who appends
waits for it. What is remembered here is a hint; what has to be followed stands in the file.
"""

from __future__ import annotations

from backstory import limits
from backstory.storage.sqlite.transaction import SqliteTransaction


class Lagging:
    """The tenants whose words are behind, as far as one writer knows."""

    def __init__(self) -> None:
        self._tenants: set[int] = set()
        self._commits = 0
        self._begun = False  # whether what an earlier life left behind was followed

    @property
    def commits(self) -> int:
        """That were made since the index followed last, where it is behind."""
        return self._commits if self._tenants else 0

    def __bool__(self) -> bool:
        return bool(self._tenants) or not self._begun

    @property
    def patience(self) -> float | None:
        """Seconds to wait for more before following; None for ever."""
        if not self._begun:
            return 0.0
        return limits.FOLLOW_SECONDS if self._tenants else None

    def follow(self, tx: SqliteTransaction, *, idle: bool) -> None:
        """Bring the index up to date, where it is time to."""
        if not self._begun:
            tx.words.follow_all()
        elif idle or self._commits >= limits.FOLLOW_COMMITS:
            for tenant in self._tenants:
                tx.words.follow(tenant)
            self._commits = 0

    def note(self, tx: SqliteTransaction, commits: int) -> None:
        """Learn what a transaction of so many commits has left behind."""
        self._begun = True
        self._tenants = (self._tenants | tx.counters.lagging()) - tx.counters.followed()
        self._commits += commits

    def forget(self) -> None:
        """After a failure: the next transaction of a tenant finds out again."""
        self._tenants, self._commits, self._begun = set(), 0, True
