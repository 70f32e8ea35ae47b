"""Stands where PagerDuty and Opsgenie are: takes what Alertmanager sends to them, and shows it.

It answers as their documentation says of the Events API v2 and of the Alert and Heartbeat APIs.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from observing.listening import Arrived

PAGERDUTY, OPSGENIE, HEARTBEAT = "/v2/enqueue", "/v2/alerts", "/v2/heartbeats"


@dataclass
class Pager:
    """Everything that arrived, in order. While `failing` is set, it is refused with that status."""

    told: Callable[[str], None] = str.strip
    arrived: list[Arrived] = field(default_factory=list)
    failing: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Arrived) -> tuple[int, bytes]:
        """Takes one after the other, though they come at once: what is told is whole lines."""
        with self._lock:
            return self._answer(request)

    def _answer(self, request: Arrived) -> tuple[int, bytes]:
        if self.failing:
            return self.failing, b'{"message": "come again later"}'
        self.arrived.append(request)
        path = urlsplit(request.path).path
        if path.startswith(HEARTBEAT):
            return 202, b'{"result": "PONG - Heartbeat received", "took": 0.001, "requestId": "1"}'
        if path == PAGERDUTY:
            event = json.loads(request.body)
            self.told(f"PagerDuty {_pagerduty(event)}")
            answer = {"status": "success", "message": "Event processed"}
            return 202, json.dumps(answer | {"dedup_key": event.get("dedup_key")}).encode()
        if path.startswith(OPSGENIE):
            self.told(f"Opsgenie  {_opsgenie(path, json.loads(request.body or b'{}'))}")
            return 202, b'{"result": "Request will be processed", "took": 0.1, "requestId": "1"}'
        return 404, b'{"message": "there is nothing here"}'

    def at(self, path: str) -> list[Arrived]:
        """What arrived under a path."""
        return [one for one in self.arrived if urlsplit(one.path).path.startswith(path)]


def _pagerduty(event: dict) -> str:
    return f"{event.get('event_action')}: {event.get('payload', {}).get('summary')}"


def _opsgenie(path: str, alert: dict) -> str:
    if path.endswith("/close"):
        return f"close: {path.split('/')[3]}"
    return f"{alert.get('priority')}: {alert.get('message')}"
