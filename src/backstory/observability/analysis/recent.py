"""The newest requests of this process, remembered for operators.

What is told of a request is kept as it is; it is counted when somebody asks.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from backstory import __version__, clock, limits
from backstory.observability.analysis import findings
from backstory.observability.analysis.counting import Counts, Request
from backstory.observability.logs.lines import CALLERS
from backstory.ports.events import OK, Ended, Event
from backstory.ports.hooks import Hear


class Recent:
    """`ports.hooks.Listener` that remembers `limits.INSIGHTS_REQUESTS`."""

    def __init__(self) -> None:
        self._ended: deque[Event] = deque(maxlen=limits.INSIGHTS_REQUESTS)

    def hearing(self) -> Mapping[type[Event], Hear]:
        return {Ended: self._ended.append}

    def insights(self, workers: int) -> dict[str, Any]:
        """What they tell. Takes a moment; to be called in a thread."""
        counts = Counts()
        ahead = clock.ahead()
        for event in self._ended.copy():
            assert isinstance(event, Ended), "nothing else is heard"
            counts.request(_request(event, ahead))
        scope = {
            "version": __version__,
            "process": os.getpid(),
            "workers": workers,
            "requests_at_most": limits.INSIGHTS_REQUESTS,
        }
        found = asdict(findings.of(counts))
        for name in ("messages", "releases", "changes"):  # are told by logs only
            del found[name]
        return {"scope": scope, **found}


def _request(event: Ended, ahead: float) -> Request:
    codes = [call.code for call in event.calls if call.code != OK]
    caller = CALLERS.told(event.principal)
    return Request(
        ahead + event.ended,
        event.method,
        event.route,
        event.status,
        codes[0] if codes else event.code,
        event.seconds * 1000,
        event.sent,
        caller.get("tenant", ""),
        caller.get("principal", ""),
        event.trace_id,
        event.weight,
    )
