"""A line for each request, where the settings want it.

It is made without the standard library's logging, a moment after the request, and many at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from backstory import clock
from backstory.observability.gathering import HearAll
from backstory.observability.logs.access_lines import LEVEL, Quick, told
from backstory.observability.logs.lines import as_json
from backstory.observability.logs.setup import Log
from backstory.ports.events import Ended, Event
from backstory.ports.hooks import Hear


class Access:
    """`ports.hooks.Listener` that writes a line for each request that has ended."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lines = Quick() if log.form is as_json else self._slow

    def hearing(self) -> Mapping[type[Event], Hear]:
        return {}

    def gathering(self) -> Mapping[type[Event], HearAll]:
        return {Ended: self._ended}

    def _ended(self, events: Sequence[Ended]) -> None:
        self._log.levels[LEVEL] += len(events)
        text = "\n".join(self._lines(events, clock.ahead()))
        self._log.lines.write(text.encode(errors="backslashreplace"), len(events))

    def _slow(self, events: Sequence[Ended], ahead: float) -> Iterator[str]:
        for event in events:
            yield self._log.form(told(event, ahead)).decode()
