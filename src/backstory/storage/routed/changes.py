"""The change logs of all stores as one: each store's order is kept, a commit is never split.

Between stores, what was written earlier comes first, as far as their clocks tell. The log of a
store that is away stands still, and goes on from there once it is back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from msgspec import structs

from backstory import limits
from backstory.domain.changes import Change
from backstory.domain.positions import UNKNOWN, pack, unpack
from backstory.errors import StoreError, StoreUnavailableError
from backstory.ports.store import ChangePage, ChangeQuery, Mark
from backstory.storage.routed.places import Places, together


@dataclass(slots=True)
class _Log:
    """What one store's log has behind where a reader stands, commit by commit."""

    position: int
    end: int
    more: bool
    commits: deque[list[Change]]


class ReadsChanges(Places):
    """`ports.store.Changes` but for what is about one context."""

    _marks: dict[tuple[str, int], Mark]

    @property
    def epoch(self) -> str:
        raise NotImplementedError

    async def mark(self, tenant: str) -> Mark:
        found = await together(
            {at: partial(one.mark, tenant) for at, one in enumerate(self._stores)}
        )
        away = []
        marks: list[Mark] = []
        for at, mark in found.items():
            if isinstance(mark, StoreError):
                away.append(at)
                if not isinstance(mark, StoreUnavailableError) or len(away) == len(found):
                    raise mark
                marks.append(self._marks.get((tenant, at)) or Mark("", 0, UNKNOWN))
            else:
                self._remember(tenant, at, mark)
                marks.append(mark)
        oldest, newest = ([mark.oldest for mark in marks], [mark.newest for mark in marks])
        return Mark(self.epoch, pack(oldest), pack(newest), len(marks), frozenset(away))

    def _remember(self, tenant: str, store: int, mark: Mark) -> None:
        if len(self._marks) >= limits.ROUTED_HINTS:
            self._marks.clear()
        self._marks[tenant, store] = mark

    async def rights_marks(self, since: int) -> Sequence[tuple[str, bytes]]:
        return await self._stores[0].rights_marks(since)

    async def changes(self, tenant: str, query: ChangeQuery) -> ChangePage:
        parts = list(unpack(query.after, len(self._stores)))
        seen = [
            at
            for at in range(len(self._stores))
            if query.visible.everything or self._routing.narrowed(query.visible, at) is not None
        ]
        pages = await together(
            {at: partial(self._page, tenant, at, query, parts[at]) for at in seen}
        )
        failed = [page for page in pages.values() if isinstance(page, StoreError)]
        wrong = [page for page in failed if not isinstance(page, StoreUnavailableError)]
        if wrong or (failed and len(failed) == len(pages)):
            raise (wrong or failed)[0]
        for at in set(range(len(self._stores))) - set(seen):
            parts[at] = self._passed(tenant, at, parts[at])
        logs = {
            at: self._log(at, page, parts[at])
            for at, page in pages.items()
            if not isinstance(page, StoreError)
        }
        return _merged(logs, parts, query.limit)

    async def _page(self, tenant: str, store: int, query: ChangeQuery, after: int) -> ChangePage:
        log = self._stores[store]
        if after == UNKNOWN:
            after = (await log.mark(tenant)).newest
        return await log.changes(tenant, replace(query, after=after))

    def _passed(self, tenant: str, store: int, position: int) -> int:
        """Where a log is passed over, since the reader may see nothing of it."""
        known = self._marks.get((tenant, store))
        if known is None or position == UNKNOWN:
            return position
        return max(position, known.newest)

    def _log(self, store: int, page: ChangePage, position: int) -> _Log:
        commits: deque[list[Change]] = deque()
        for change in page.changes:
            if change.key is not None and self._routing.of(change.key.namespace) != store:
                continue  # it lies where it should not, which `backstory doctor` tells
            if commits and commits[-1][0].commit == change.commit:
                commits[-1].append(change)
            else:
                commits.append([change])
        return _Log(position, page.position, page.more, commits)


def _merged(logs: dict[int, _Log], parts: list[int], limit: int) -> ChangePage:
    """The changes of all in one order, each with the place behind it in all logs."""
    found: list[Change] = []
    for at, log in logs.items():
        if not log.commits:
            parts[at] = log.end
    while len(found) < limit:
        waiting = [(log.commits[0][0].at, at) for at, log in logs.items() if log.commits]
        if not waiting:
            break
        at = min(waiting)[1]
        log = logs[at]
        for change in log.commits.popleft():
            parts[at] = change.position
            found.append(structs.replace(change, position=pack(parts)))
        if not log.commits:
            parts[at] = log.end
    more = any(log.commits or log.more for log in logs.values())
    return ChangePage(tuple(found), pack(parts), more)
