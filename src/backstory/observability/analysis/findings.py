"""What came of the counting: plain values, which tables, JSON and the page are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from backstory import limits
from backstory.observability.analysis.counting import Counts, Group

_ENOUGH: Final = 30  # requests of a route in each of two releases, to compare them
_NOTICEABLE: Final = 1.25  # times as slow, or the other way round


@dataclass(frozen=True, slots=True)
class Findings:
    """All of it. Times are RFC 3339 in UTC, lasting in milliseconds."""

    total: Mapping[str, Any]
    routes: tuple[Mapping[str, Any], ...]
    errors: tuple[Mapping[str, Any], ...]
    slowest: tuple[Mapping[str, Any], ...]
    tenants: tuple[Mapping[str, Any], ...]
    principals: tuple[Mapping[str, Any], ...]
    conflicts: tuple[Mapping[str, Any], ...]
    messages: tuple[Mapping[str, Any], ...]
    releases: tuple[Mapping[str, Any], ...]
    changes: tuple[Mapping[str, Any], ...]
    over_time: Mapping[str, Any]


def of(counts: Counts) -> Findings:
    """What is known so far."""
    return Findings(
        _total(counts),
        tuple(_routes(counts.routes)),
        tuple(
            {"route": route, "code": code, "count": round(count)}
            for (route, code), count in counts.codes.top(limits.ANALYSED_TOP)
        ),
        tuple(
            {
                "milliseconds": round(one.milliseconds, 3),
                "at": when(one.at),
                "method": one.method,
                "route": one.route,
                "status": one.status,
                "code": one.code,
                "tenant": one.tenant,
                "trace_id": one.trace_id,
            }
            for _, _, one in sorted(counts.slowest, key=lambda each: each[:2], reverse=True)
        ),
        tuple(_tenants(counts)),
        tuple(
            {"tenant": tenant, "principal": principal, "requests": round(count)}
            for (tenant, principal), count in counts.principals.top(limits.ANALYSED_TOP)
        ),
        tuple(
            {"route": route, "code": code, "tenant": tenant, "count": round(count)}
            for (route, code, tenant), count in counts.conflicts.top(limits.ANALYSED_TOP)
        ),
        tuple(
            {"level": level, "logger": logger, "code": code, "message": said, "count": round(count)}
            for (level, logger, code, said), count in counts.said.top(limits.ANALYSED_TOP)
        ),
        tuple(
            {"version": version, "first_seen": when(at), **_sum(routes)}
            for version, (at, routes) in counts.releases.items()
        ),
        tuple(_changes(counts)),
        _over_time(counts),
    )


def when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _total(counts: Counts) -> dict[str, Any]:
    known = counts.first <= counts.last
    seconds = counts.last - counts.first if known else 0.0
    return {
        "from": when(counts.first) if known else None,
        "to": when(counts.last) if known else None,
        "seconds": round(seconds, 3),
        "lines": counts.lines,
        "levels": dict(counts.levels),
        **_group(counts.all),
        "requests_per_second": round(counts.all.requests / seconds, 3) if seconds else None,
        "writes": counts.writes,
        "bytes": counts.sent,
        "tenants": len(counts.tenants),
        "exact": not any(
            one.over for one in (counts.tenants, counts.codes, counts.conflicts, counts.said)
        ),
    }


def _group(group: Group) -> dict[str, Any]:
    lasting = group.lasting
    return {
        "requests": group.requests,
        "failed": group.failed,
        "refused": group.refused,
        "mean": round(lasting.total / lasting.count, 3) if lasting.count else 0.0,
        **{f"p{share}": round(lasting.quantile(share / 100), 3) for share in (50, 95, 99)},
        "most": round(lasting.most, 3),
    }


def _routes(routes: Mapping[str, Group]) -> list[dict[str, Any]]:
    """By all the time that they took: what is worth to be made faster first."""
    ordered = sorted(routes.items(), key=lambda item: -item[1].lasting.total)
    return [
        {"route": route, **_group(group), "total": round(group.lasting.total, 3)}
        for route, group in ordered[: limits.ANALYSED_TOP]
    ]


def _tenants(counts: Counts) -> list[dict[str, Any]]:
    """By the time that is spent for them."""
    requests, errors = dict(counts.tenants.top(10**9)), dict(counts.tenant_errors.top(10**9))
    whole = counts.all.lasting.total or 1.0
    return [
        {
            "tenant": tenant,
            "requests": round(requests.get(tenant, 0)),
            "errors": round(errors.get(tenant, 0)),
            "milliseconds": round(spent, 3),
            "share": round(spent / whole, 4),
        }
        for tenant, spent in counts.tenant_work.top(limits.ANALYSED_TOP)
    ]


def _sum(routes: Mapping[str, Group]) -> dict[str, int]:
    return {
        "requests": sum(group.requests for group in routes.values()),
        "failed": sum(group.failed for group in routes.values()),
        "refused": sum(group.refused for group in routes.values()),
    }


def _changes(counts: Counts) -> list[dict[str, Any]]:
    """Routes that became noticeably slower, faster, or failed more, from a release to the next."""
    found = []
    releases = sorted(counts.releases.items(), key=lambda item: item[1][0])
    for (old, (_, before)), (new, (_, after)) in pairwise(releases):
        for route in sorted(before.keys() & after.keys()):
            one, other = before[route], after[route]
            if min(one.requests, other.requests) < _ENOUGH:
                continue
            was, now = one.lasting.quantile(0.95), other.lasting.quantile(0.95)
            failing = one.failed / one.requests, other.failed / other.requests
            ratio = now / was if was else 1.0
            if not 1 / _NOTICEABLE < ratio < _NOTICEABLE or abs(failing[1] - failing[0]) > 0.01:
                found.append(
                    {
                        "from": old,
                        "to": new,
                        "route": route,
                        "p95_before": round(was, 3),
                        "p95_after": round(now, 3),
                        "failed_before": round(failing[0], 4),
                        "failed_after": round(failing[1], 4),
                    }
                )
    return found


def _over_time(counts: Counts) -> dict[str, Any]:
    spans = list(counts.over_time)
    names = ("requests", "failed", "refused", "conflicts", "errors told", "milliseconds")
    return {
        "seconds": counts.over_time.width,
        "at": [when(at) for at, _ in spans],
        **{
            name.replace(" ", "_"): [round(span.get(name, 0), 3) for _, span in spans]
            for name in names
        },
        "growth": _growth([span.get("requests", 0) for _, span in spans]),
    }


def _growth(requests: list[float]) -> float | None:
    """Requests of the last third for each of the first; None where there is too little."""
    third = len(requests) // 3
    if third < 1 or not sum(requests[:third]):
        return None
    return round(sum(requests[-third:]) / sum(requests[:third]), 3)
