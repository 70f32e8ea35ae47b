"""What Prometheus knows of one colour: its nodes, its answers and how long they took.

Counts are whole numbers, not rates: what the last scrape of each series says minus what it said
when the time that is looked at began. A series that was not there then counts whole, since a
counter of failures begins with the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from backstory import errors
from backstory.cli.rollout.prometheus import Prometheus, Row
from backstory.cli.rollout.shares import NONE, Share
from backstory.errors import BackstoryError, ConfigError
from backstory.observability.catalogue import (
    DEPENDENCY,
    MCP_CALLS,
    REQUEST_SECONDS,
    REQUESTS,
    WORKERS_REPLACED,
    WORKERS_WANTED,
)

_WAITS: Final = 'route!="/v1/changes"'  # its callers wait on purpose
_MCP: Final = "/mcp"


@dataclass(frozen=True, slots=True)
class Span:
    """The time that is looked at: so many seconds, up to so many seconds ago."""

    seconds: int
    ago: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """Those of one route or tool: which failed on our side, and which were refused."""

    failed: Share = NONE
    refused: Share = NONE

    def __add__(self, other: Answers) -> Answers:
        return Answers(self.failed + other.failed, self.refused + other.refused)


@dataclass(frozen=True, slots=True)
class Colour:
    """Some nodes, by what they have in common."""

    selector: str
    nodes: int
    up: int
    restarts: int
    versions: tuple[str, ...]
    away: tuple[str, ...]
    """Dependencies that it does without now."""
    answers: dict[str, Answers] = field(default_factory=dict)
    slower: dict[float, int] = field(default_factory=dict)
    """How many answers began within so many seconds; the last bound is infinite."""

    @property
    def all(self) -> Answers:
        return sum(self.answers.values(), Answers())

    def slower_than(self, bound: float) -> Share:
        whole = self.slower.get(float("inf"), 0)
        return Share(max(0, whole - self.slower.get(bound, whole)), whole)

    def quantile(self, share: float) -> float | None:
        """The time within which a share began, by a straight line between two bounds."""
        wanted = self.slower_than(0.0).whole * share
        below, before = 0.0, 0
        for bound, count in sorted(self.slower.items()):
            if count >= wanted and count:
                if bound == float("inf"):
                    return None
                inside = (wanted - before) / (count - before) if count > before else 1.0
                return below + (bound - below) * inside
            below, before = bound, count
        return None


def measured(prometheus: Prometheus, selector: str, span: Span) -> Colour:
    """Everything of one colour.

    Raises:
        SilentError, ConfigError: as `Prometheus.rows`.
    """
    ago = f" offset {span.ago}s" if span.ago else ""
    up = f"up{{{selector}}}{ago}"
    info = f"last_over_time(backstory_info{{{selector}}}[{span.seconds}s]{ago})"
    down = f"{DEPENDENCY.name}{{{selector}}}{ago}"
    return Colour(
        selector=selector,
        nodes=round(prometheus.one(f"count({up})")),
        up=round(prometheus.one(f"sum({up})")),
        restarts=_restarts(prometheus, selector, span),
        versions=_names(prometheus.rows(f"count by (version) ({info})"), "version"),
        away=_names(prometheus.rows(f"sum by (dependency) ({down}) > 0"), "dependency"),
        answers=_answers(prometheus, selector, span),
        slower=_times(prometheus, selector, span),
    )


def _restarts(prometheus: Prometheus, selector: str, span: Span) -> int:
    """Of nodes, and of workers that died. Workers that are replaced on purpose are none."""
    ago = f" offset {span.ago}s" if span.ago else ""
    began = f"changes(process_start_time_seconds{{{selector}}}[{span.seconds}s]{ago})"
    alone = f"{WORKERS_WANTED.name}{{{selector}}}{ago} < 2"
    nodes = prometheus.one(f"sum({began} and on (job, instance) ({alone}))")
    died = _grown(WORKERS_REPLACED.name, "reason", f'{selector},reason=~"died|silent"', span)
    return round(nodes + prometheus.one(f"sum({died})"))


def check_apart(prometheus: Prometheus, old: str, new: str) -> None:
    """No node is of both colours.

    Raises:
        ConfigError: one is; names it.
    """
    for row in prometheus.rows(f"up{{{old}}} and up{{{new}}}"):
        raise ConfigError(
            f"{row.labels.get('instance', 'a node')} is selected by both --old {old} and --new "
            f"{new}; they have to name different nodes, or --old-ago another time"
        )


def _names(rows: list[Row], label: str) -> tuple[str, ...]:
    return tuple(sorted(row.labels.get(label, "?") for row in rows))


def _grown(metric: str, by: str, selector: str, span: Span) -> str:
    """By how much counters have grown; one that began anew counts from there."""
    ago = f" offset {span.ago}s" if span.ago else ""
    now = f"last_over_time({metric}{{{selector}}}[{span.seconds}s]{ago})"
    then = f"{metric}{{{selector}}} offset {span.ago + span.seconds}s"
    return f"sum by ({by}) (({now} - {then} >= 0) or {now})"


def _answers(prometheus: Prometheus, selector: str, span: Span) -> dict[str, Answers]:
    found: dict[str, Answers] = {}
    asked = _grown(REQUESTS.name, "route, method, status", selector, span)
    called = _grown(MCP_CALLS.name, "method, tool, code", selector, span)
    for name, one in (*_rest(prometheus.rows(asked)), *_mcp(prometheus.rows(called))):
        found[name] = found.get(name, Answers()) + one
    return found


def _rest(rows: list[Row]) -> Iterator[tuple[str, Answers]]:
    for row in rows:
        route, method, status = (row.labels.get(n, "") for n in ("route", "method", "status"))
        if route == _MCP and status == "200":
            continue  # what it carried is counted as a call
        count = round(row.value)
        failed, refused = status.startswith("5"), status.startswith("4")
        yield f"{method} {route}", _counted(count, failed=failed, refused=refused)


def _mcp(rows: list[Row]) -> Iterator[tuple[str, Answers]]:
    ours = frozenset(each.code for each in _classes() if each.status >= 500)
    for row in rows:
        code, tool = row.labels.get("code", "ok"), row.labels.get("tool", "")
        failed = code in ours
        refused = code != "ok" and not failed
        name = f"{_MCP} {tool or row.labels.get('method', '')}"
        yield name, _counted(round(row.value), failed=failed, refused=refused)


def _counted(count: int, *, failed: bool, refused: bool) -> Answers:
    return Answers(Share(count * failed, count), Share(count * refused, count))


def _classes() -> Iterator[type[BackstoryError]]:
    for each in vars(errors).values():
        if isinstance(each, type) and issubclass(each, BackstoryError):
            yield each


def _times(prometheus: Prometheus, selector: str, span: Span) -> dict[float, int]:
    buckets = f"{REQUEST_SECONDS.name}_bucket"
    rows = prometheus.rows(_grown(buckets, "le", f"{selector},{_WAITS}", span))
    found: dict[float, int] = {}
    for row in rows:
        bound = float(row.labels.get("le", "inf"))
        found[bound] = found.get(bound, 0) + round(row.value)
    return found
