"""Whether watchers were told each change exactly once and in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from backstory.testing.histories.findings import Fault, Finding
from backstory.testing.histories.history import History, Watch


def mistold(history: History) -> Iterator[Finding]:
    """What watchers missed, heard twice, or heard in another order than that of the log."""
    for watch in history.watches:
        yield from _compare(watch, history.stream[watch.after :])


def _compare(watch: Watch, due: tuple[tuple[str, int], ...]) -> Iterator[Finding]:
    if watch.changes == due:
        return
    told, wanted = Counter(watch.changes), Counter(due)
    for context, version in wanted - told:
        detail = f"{watch.process} was not told of version {version} of {context}"
        yield Finding(Fault.MISSED, detail)
    for change in told - wanted:
        context, version = change
        fault = Fault.REPEATED if change in wanted else Fault.INVENTED
        yield Finding(fault, f"{watch.process} was told of version {version} of {context}")
    if told == wanted:
        at = next(
            n for n, (one, other) in enumerate(zip(watch.changes, due, strict=True)) if one != other
        )
        detail = f"{watch.process} was told of {watch.changes[at]} where {due[at]} was next"
        yield Finding(Fault.SHUFFLED, detail)
