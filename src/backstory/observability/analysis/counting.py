"""Counts one line of a log, or one request, after the other; as large as `limits` say."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from backstory import limits
from backstory.observability.analysis.sketches import Lasting, Most, Spans

_OK: Final = "ok"
_OTHER: Final = "other"
_LEVELS: Final = frozenset({"debug", "info", "warning", "error", "critical"})
_GREAT: Final = ("error", "critical")
_WARNING: Final = "warning"
_LATEST: Final = 1e10  # seconds since the Unix epoch, in the year 2286; later is nonsense
_MUCH: Final = 10**12  # milliseconds, bytes or repetitions; more is nonsense
_CONFLICTS: Final = (409, 412)
_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request that has ended. `at` in seconds since the Unix epoch.

    It stands for `weight` requests.
    """

    at: float
    method: str
    route: str
    status: int
    code: str
    milliseconds: float
    sent: int = 0
    tenant: str = ""
    principal: str = ""
    trace_id: str = ""
    weight: int = 1

    @property
    def failed(self) -> bool:
        """The server's own fault; what callers did wrong is none."""
        return self.status >= 500


@dataclass(slots=True)
class Group:
    """What is counted of a route, a tenant or a release."""

    requests: int = 0
    failed: int = 0
    refused: int = 0
    lasting: Lasting = field(default_factory=Lasting)

    def add(self, request: Request) -> None:
        weight = request.weight
        self.requests += weight
        self.failed += weight * request.failed
        self.refused += weight * (400 <= request.status < 500)
        self.lasting.add(request.milliseconds, weight)


class Counts:
    """All that is counted. Routes are few, tenants may be many, times any."""

    def __init__(self) -> None:
        self.lines = 0
        self.first, self.last = float("inf"), float("-inf")
        self.levels: dict[str, int] = defaultdict(int)
        self.all = Group()
        self.sent = 0
        self.writes = 0
        self.routes: dict[str, Group] = {}
        self.codes: Most[tuple[str, str]] = Most(limits.ANALYSED_NAMES)
        self.tenants: Most[str] = Most(limits.ANALYSED_NAMES)
        self.tenant_work: Most[str] = Most(limits.ANALYSED_NAMES)
        self.tenant_errors: Most[str] = Most(limits.ANALYSED_NAMES)
        self.principals: Most[tuple[str, str]] = Most(limits.ANALYSED_NAMES)
        self.conflicts: Most[tuple[str, str, str]] = Most(limits.ANALYSED_NAMES)
        self.said: Most[tuple[str, str, str, str]] = Most(limits.ANALYSED_NAMES)
        self.over_time: Spans[str] = Spans()
        self.slowest: list[tuple[float, int, Request]] = []
        self.releases: dict[str, tuple[float, dict[str, Group]]] = {}
        """When each was first seen, and its routes."""
        self._release: dict[str, Group] | None = None

    def line(self, line: dict[str, Any]) -> bool:
        """One line of a log; whether it is one of ours."""
        at, level = _time(line.get("at")), line.get("level")
        if at is None or not isinstance(level, str):
            return False
        self.lines += 1
        self.levels[level if level in _LEVELS else _OTHER] += 1
        self._span(at)
        version = line.get("version")
        if isinstance(version, str):
            self._released(version, at)
        request = _request(line, at)
        if request is not None:
            self.request(request)
        elif level in _GREAT or level == _WARNING:
            self._say(level, line, at, 1 + _whole(line, "repeated"))
        return True

    def request(self, request: Request) -> None:
        self._span(request.at)
        weight = request.weight
        self.all.add(request)
        self.sent += weight * request.sent
        self.writes += weight * (request.method in _CHANGING and 200 <= request.status < 300)
        self._of(self.routes, request.route).add(request)
        if self._release is not None:
            self._of(self._release, request.route).add(request)
        self.over_time.add(request.at, "requests", weight)
        self.over_time.add(request.at, "milliseconds", weight * request.milliseconds)
        if request.code != _OK:
            self.codes.add((request.route, request.code), weight)
        if request.failed:
            self.over_time.add(request.at, "failed", weight)
        elif request.status >= 400:
            self.over_time.add(request.at, "refused", weight)
        if request.status in _CONFLICTS:
            self.conflicts.add((request.route, request.code, request.tenant), weight)
            self.over_time.add(request.at, "conflicts", weight)
        if request.tenant:
            self._add_tenant(request)
        self._add_slow(request)

    def _add_tenant(self, request: Request) -> None:
        weight = request.weight
        self.tenants.add(request.tenant, weight)
        self.tenant_work.add(request.tenant, weight * request.milliseconds)
        self.principals.add((request.tenant, request.principal), weight)
        if request.status >= 400:
            self.tenant_errors.add(request.tenant, weight)

    def _add_slow(self, request: Request) -> None:
        one = (request.milliseconds, self.all.requests, request)
        if len(self.slowest) < limits.ANALYSED_SLOWEST:
            heapq.heappush(self.slowest, one)
        elif one[0] > self.slowest[0][0]:
            heapq.heapreplace(self.slowest, one)

    def _say(self, level: str, line: dict[str, Any], at: float, weight: int) -> None:
        words = (str(line.get(name, ""))[:200] for name in ("logger", "code", "message"))
        self.said.add((level, *words), weight)  # type: ignore[arg-type] # three of them
        if level in _GREAT:
            self.over_time.add(at, "errors told", weight)

    def _span(self, at: float) -> None:
        self.first, self.last = min(self.first, at), max(self.last, at)

    def _released(self, version: str, at: float) -> None:
        known = self.releases.get(version)
        if known is None and len(self.releases) < limits.ANALYSED_RELEASES:
            known = self.releases[version] = (at, {})
        if known is not None:
            self._release = known[1]

    @staticmethod
    def _of(groups: dict[str, Group], name: str) -> Group:
        found = groups.get(name)
        if found is None:
            if len(groups) >= limits.ANALYSED_ROUTES:
                name = _OTHER
            found = groups.setdefault(name, Group())
        return found


def _request(line: dict[str, Any], at: float) -> Request | None:
    """The request that a line is of; None where it is of something else, or says nonsense."""
    route, status, taken = line.get("route"), line.get("status"), line.get("milliseconds")
    if not isinstance(taken, int | float) or isinstance(taken, bool) or not 0 <= taken < _MUCH:
        return None
    if not isinstance(route, str) or not isinstance(status, int) or not 0 <= status < 1000:
        return None
    code = line.get("mcp_code", _OK)
    return Request(
        at,
        _text(line, "method"),
        route[:200],
        status,
        _text(line, "code") if code == _OK or not isinstance(code, str) else code[:200],
        float(taken),
        _whole(line, "bytes"),
        _text(line, "tenant"),
        _text(line, "principal"),
        _text(line, "trace_id"),
        max(1, _whole(line, "weight")),
    )


def _whole(line: dict[str, Any], name: str) -> int:
    """A count; 0 where there is none, or nonsense."""
    found = line.get(name, 0)
    return found if isinstance(found, int) and 0 <= found < _MUCH else 0


def _text(line: dict[str, Any], name: str) -> str:
    found = line.get(name, "")
    return found[:200] if isinstance(found, str) else ""


def _time(text: object) -> float | None:
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        at = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return at if 0 <= at < _LATEST else None
