"""Findings as one HTML page, which needs nothing else: no script, no other file, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from backstory.observability.analysis.findings import Findings
from backstory.observability.analysis.plots import over_time

_STYLE: Final = """
:root { color-scheme: light dark; font: 14px/1.5 system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 0; }
dl div { border: 1px solid #8884; border-radius: .5rem; padding: .5rem .75rem; }
dt { opacity: .7; } dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; } svg text { fill: currentColor; }
.table { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8883; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td { overflow-wrap: anywhere; } .note { opacity: .75; }
"""

TABLES: Final = (
    ("errors", "Errors by route and code"),
    ("routes", "Routes, by the time spent on them (milliseconds)"),
    ("slowest", "The slowest calls"),
    ("tenants", "Tenants, by the time spent on them"),
    ("principals", "The most active callers"),
    ("conflicts", "Conflicts between writers"),
    ("changes", "What changed from one release to the next"),
    ("releases", "Releases"),
    ("messages", "Warnings and errors in the log"),
)
"""Names of the findings that are tables, and what they are called."""


def html(findings: Findings, files: Sequence[str]) -> str:
    """The whole page."""
    total, spans = findings.total, findings.over_time
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>Backstory: requests</title><style>{_STYLE}</style></head><body>",
        "<h1>What the log tells of requests</h1>",
        f"<p class='note'>{escape(', '.join(files))}</p>",
        f"<p class='note'>{escape(str(total['from']))} to {escape(str(total['to']))}</p>",
        _numbers(total, spans),
        *_plots(spans),
    ]
    for name, title in TABLES:
        rows = getattr(findings, name)
        if rows:
            parts.append(f"<h2>{escape(title)}</h2>{_table(rows)}")
    parts.append("</body></html>\n")
    return "".join(parts)


def _numbers(total: Mapping[str, Any], spans: Mapping[str, Any]) -> str:
    shown = {
        "requests": total["requests"],
        "failed (5xx)": total["failed"],
        "refused (4xx)": total["refused"],
        "p50 ms": total["p50"],
        "p95 ms": total["p95"],
        "p99 ms": total["p99"],
        "tenants": total["tenants"],
        "growth": "-" if spans["growth"] is None else f"x {spans['growth']}",
        "lines": total["lines"],
        "unreadable": total.get("unreadable", 0),
    }
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{_cell(value)}</dd></div>"
        for name, value in shown.items()
    )
    return f"<dl>{items}</dl>"


def _plots(spans: Mapping[str, Any]) -> list[str]:
    at, width = spans["at"], spans["seconds"]
    means = [
        taken / count if count else 0.0
        for taken, count in zip(spans["milliseconds"], spans["requests"], strict=True)
    ]
    bad = [
        ("refused", spans["refused"]),
        ("failed", spans["failed"]),
        ("conflicts", spans["conflicts"]),
    ]
    return [
        over_time(f"Requests in {width:g} s", at, [("requests", spans["requests"])]),
        over_time(f"Errors in {width:g} s", at, bad),
        over_time("Mean time of a request", at, [("mean", means)], " ms"),
    ]


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(rows[0])
    numeric = {name for name in names if isinstance(rows[0][name], int | float)}
    head = "".join(f"<th{_class(name in numeric)}>{escape(_title(name))}</th>" for name in names)
    body = "".join(
        "<tr>"
        + "".join(f"<td{_class(name in numeric)}>{_cell(row[name])}</td>" for name in names)
        + "</tr>"
        for row in rows
    )
    return (
        f"<div class='table'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        "</table></div>"
    )


def _class(numeric: bool) -> str:
    return " class='number'" if numeric else ""


def _title(name: str) -> str:
    return name.replace("_", " ")


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else escape(str(value))
