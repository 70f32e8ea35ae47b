"""What dashboards are made of, in the JSON that Grafana reads (schema version 39, Grafana 10.4 on).

Queries are for the nodes that are chosen: `[on]` stands for the labels that say so, `[for]` for the
span that a rate is taken over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SCHEMA = 39
COLUMNS = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
ON = 'job=~"$job", instance=~"$instance"'
PLACES = {"[on]": ON, "[for]": "[$__rate_interval]"}
Json = dict[str, Any]


@dataclass(frozen=True)
class Panel:
    """One picture: queries with the legend of their lines. `what` says what it is good for."""

    title: str
    what: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    stacked: bool = False

    def json(self, number: int, x: int, y: int) -> Json:
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.what,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [
                self._target(chr(ord("A") + place), expr, legend)
                for place, (expr, legend) in enumerate(self.queries.items())
            ],
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": self._options(),
        }

    def _target(self, ref: str, expr: str, legend: str) -> Json:
        for short, long in PLACES.items():
            expr = expr.replace(short, long)
        single = self.kind == "stat"
        kind = {"instant": True, "range": False} if single else {"range": True}
        named = {"refId": ref, "expr": expr, "legendFormat": legend}
        return named | kind | {"datasource": DATASOURCE}

    def _defaults(self) -> Json:
        found: Json = {"unit": self.unit}
        if self.kind == "timeseries":
            stacking = {"mode": "normal" if self.stacked else "none"}
            fill = 20 if self.stacked else 5
            custom = {"lineWidth": 1, "fillOpacity": fill, "showPoints": "never"}
            found |= {"min": 0, "custom": custom | {"stacking": stacking}}
        return found

    def _options(self) -> Json:
        if self.kind == "stat":
            return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"}
        legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
        return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def stat(title: str, what: str, query: str, unit: str = "short") -> Panel:
    """One number of this moment."""
    return Panel(title, what, {query: ""}, unit, kind="stat", width=4, height=4)


@dataclass(frozen=True)
class Row:
    """Panels under a heading, from left to right."""

    title: str
    panels: list[Panel]


@dataclass(frozen=True)
class Dashboard:
    """All of one page."""

    name: str
    title: str
    what: str
    rows: list[Row] = field(default_factory=list)

    def json(self) -> Json:
        return {
            "uid": f"backstory-{self.name}",
            "title": f"Backstory: {self.title}",
            "description": self.what,
            "tags": ["backstory"],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": True,
            "timezone": "browser",
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "templating": {"list": _variables()},
            "annotations": {"list": [_alerts()]},
            "links": [_others()],
            "panels": self._panels(),
        }

    def _panels(self) -> list[Json]:
        found: list[Json] = []
        y = 0
        for row in self.rows:
            found.append(_heading(row.title, len(found) + 1, y))
            y += 1
            x = tallest = 0
            for panel in row.panels:
                if x + panel.width > COLUMNS:
                    x, y, tallest = 0, y + tallest, 0
                found.append(panel.json(len(found) + 1, x, y))
                x, tallest = x + panel.width, max(tallest, panel.height)
            y += tallest
        return found


def _heading(title: str, number: int, y: int) -> Json:
    place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": place,
        "panels": [],
    }


def _variables() -> list[Json]:
    source = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Source"}
    job = "label_values(backstory_info, job)"
    instance = 'label_values(backstory_info{job=~"$job"}, instance)'
    return [source, _labels("job", "Job", job), _labels("instance", "Node", instance)]


def _labels(name: str, label: str, query: str) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _alerts() -> Json:
    """Where alerts fired, as marks over all panels."""
    return {
        "name": "Alerts",
        "enable": True,
        "iconColor": "red",
        "datasource": DATASOURCE,
        "expr": 'ALERTS{alertname=~"Backstory.+", alertname!="BackstoryWatchdog", alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{instance}}",
    }


def _others() -> Json:
    """The way to the other dashboards, with the nodes and the time that are chosen."""
    return {
        "type": "dashboards",
        "title": "Backstory",
        "tags": ["backstory"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
    }
