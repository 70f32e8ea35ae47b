"""What a benchmark answers, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Ratio:
    """One measured ratio, and the most it may be where a promise bounds it."""

    work: str
    ratio: float
    at_most: float | None
    detail: str

    @property
    def holds(self) -> bool:
        return self.at_most is None or self.ratio <= self.at_most


@dataclass(frozen=True, slots=True)
class Measured:
    """What stands in one row of a table, or along one line of a plot: numbers by their names."""

    what: str
    unit: str
    values: Mapping[str, float]


@dataclass(slots=True)
class Results:
    """All that one benchmark found, and how long it took."""

    seconds: float = 0.0
    ratios: list[Ratio] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)

    def take(self, found: Iterable[Ratio | Measured]) -> None:
        for one in found:
            if isinstance(one, Ratio):
                self.ratios.append(one)
            elif any(one.what == other.what for other in self.measured):
                raise ValueError(f"{one.what} was measured twice")
            else:
                self.measured.append(one)

    def as_json(self) -> dict[str, Any]:
        """Numbers to five digits: more would be noise, and make files differ."""
        return {
            "seconds": round(self.seconds, 1),
            "ratios": [asdict(one) | {"ratio": _short(one.ratio)} for one in self.ratios],
            "measured": {
                one.what: {
                    "unit": one.unit,
                    "values": {name: _short(value) for name, value in one.values.items()},
                }
                for one in self.measured
            },
        }


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def show(results: Iterable[Results]) -> None:
    """A table of ratios on the terminal, and one of everything else that was measured."""
    results = list(results)
    ratios = Table("work", "ratio", "at most", "detail", box=None, pad_edge=False)
    for ratio in (each for one in results for each in one.ratios):
        style = None if ratio.holds else "bold red"
        bound = "" if ratio.at_most is None else f"{ratio.at_most:g}"
        ratios.add_row(ratio.work, f"{ratio.ratio:.2f}", bound, ratio.detail, style=style)
    others = Table("measured", "unit", "values", box=None, pad_edge=False)
    for each in (each for one in results for each in one.measured):
        values = ", ".join(f"{name} {value:,.5g}" for name, value in each.values.items())
        others.add_row(each.what, each.unit, values)
    console = Console(soft_wrap=True)
    for table in (ratios, others):
        if table.row_count:
            console.print(table)
