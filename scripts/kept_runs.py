"""The runs of `make bench` that are kept: what the newest of each benchmark measured."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks" / "history"
BARE = "a bare answer"
Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """Numbers by their names, as `benchmarks.report.Measured` was written."""

    what: str
    unit: str
    values: Values


@dataclass(frozen=True, slots=True)
class Kept:
    """One benchmark of one run."""

    run: Mapping[str, Any]
    seconds: float
    rows: tuple[Row, ...]

    def row(self, what: str) -> Values:
        """What was measured under that name; nothing where it was not."""
        return next((row.values for row in self.rows if row.what == what), {})


def newest(folder: Path = FOLDER) -> dict[str, Kept]:
    """Each benchmark that a kept run has, as the newest of them found it."""
    found: dict[str, Kept] = {}
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    for run in sorted(runs, key=lambda run: str(run["date"])):
        for name, results in run["benchmarks"].items():
            rows = (
                Row(what, row["unit"], row["values"]) for what, row in results["measured"].items()
            )
            found[name] = Kept(run, results["seconds"], tuple(rows))
    return found


def wanted() -> dict[str, float]:
    """What answers a second are to reach, by those of a bare answer."""
    return {name: row["wanted"] for name, row in _budget()["rows"].items() if "wanted" in row}


def times() -> dict[str, float]:
    """How often as fast as other servers' our call over MCP is to be."""
    found: dict[str, float] = _budget()["times"]
    return found


def _budget() -> dict[str, Any]:
    return tomllib.loads((ROOT / "benchmarks" / "budget.toml").read_text(encoding="utf-8"))


def of_bare(kept: Kept) -> dict[str, tuple[float, float]]:
    """Answers a second of each work of `serving`, and their share of a bare answer's."""
    found: dict[str, tuple[float, float]] = {}
    for row in kept.rows:
        bare = row.values[BARE]
        for work, rate in row.values.items():
            found.setdefault(work, (rate, rate / bare))
    return found
