"""A line for each request, where the settings want it.

It is made without the standard library's logging, which costs five times as much, and a moment
after the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from backstory import clock
from backstory.observability.logs.lines import CALLERS
from backstory.observability.logs.setup import Log
from backstory.ports.events import Ended, Event
from backstory.ports.hooks import Hear

LOGGER: Final = "backstory.access"
MESSAGE: Final = "request"


class Access:
    """`ports.hooks.Listener` that writes a line for each request that has ended."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def hearing(self) -> Mapping[type[Event], Hear]:
        return {Ended: self._ended}

    def _ended(self, event: Ended) -> None:
        line: dict[str, Any] = {
            "at": clock.to_text(event.at),
            "level": "info",
            "logger": LOGGER,
            "message": MESSAGE,
            "trace_id": event.trace_id,
            **CALLERS.told(event.principal),
            "method": event.method,
            "route": event.route,
            "status": event.status,
            "code": event.code,
            "milliseconds": round(event.seconds * 1000, 3),
            "bytes": event.sent,
            "coding": event.coding,
        }
        if event.stale:
            line["stale"] = True
        for call in event.calls:
            line |= {"mcp_method": call.method, "tool": call.tool, "mcp_code": call.code}
        self._log.levels["info"] += 1
        self._log.lines.write(self._log.form(line))
