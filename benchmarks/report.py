"""What a benchmark answers, and how it is shown."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

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


def show(ratios: Iterable[Ratio]) -> None:
    """A table on the terminal."""
    table = Table("work", "ratio", "at most", "detail", box=None, pad_edge=False)
    for ratio in ratios:
        style = None if ratio.holds else "bold red"
        bound = "" if ratio.at_most is None else f"{ratio.at_most:g}"
        table.add_row(ratio.work, f"{ratio.ratio:.2f}", bound, ratio.detail, style=style)
    Console(soft_wrap=True).print(table)


def write(ratios: Iterable[Ratio], path: Path) -> None:
    """The same as JSON, with what it was measured on."""
    result = {
        "python": sys.version.split()[0],
        "machine": platform.machine(),
        "system": platform.platform(),
        "ratios": [asdict(ratio) for ratio in ratios],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
