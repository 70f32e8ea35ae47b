"""What waits: queues that grow are told of before they are full."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from backstory import limits
from backstory.ports.hooks import Numbers
from backstory.resilience.checking import Look

_QUEUE: Final = "queue_depth"
_FULL: Final = {
    "writes": limits.WRITE_QUEUE,
    "reads": limits.READ_QUEUE,
    "standings": limits.READ_QUEUE,
    "summaries": limits.SUMMARY_QUEUE,
}


async def backlog(standing: Iterable[Numbers]) -> Look:
    """How many wait in each queue; a warning where one is half full."""
    waiting = {
        labels[0]: int(value)
        for numbers in standing
        for name, labels, value in numbers()
        if name == _QUEUE
    }
    long = [
        queue for queue, depth in waiting.items() if depth * 2 >= _FULL.get(queue, depth * 3 + 1)
    ]
    if long:
        return Look("warning", f"too much waits: {', '.join(sorted(long))}", dict(waiting))
    return Look(facts=dict(waiting))
