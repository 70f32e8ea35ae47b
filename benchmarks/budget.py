"""The budget: ratios that were held, which no change may let fall far."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("budget.toml")
_ROW = re.compile(r'^\[rows\."([^"]+)"\]$')


class BudgetError(ValueError):
    """The budget cannot be read, or does not fit what was measured."""


@dataclass(frozen=True, slots=True)
class Row:
    """A ratio to a bare answer, more is better; `wanted` is what it is to become."""

    held: float
    wanted: float | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """`fall` is the share of what was held by which a ratio may fall; `times` are of peers."""

    fall: float
    rows: Mapping[str, Row]
    times: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one ratio stands."""

    work: str
    held: float
    found: float
    fall: float

    @property
    def fails(self) -> bool:
        return self.found < self.held * (1 - self.fall)

    @property
    def says(self) -> str:
        if self.fails:
            return f"fell by {1 - self.found / self.held:.0%}, more than {self.fall:.0%}"
        if self.found > self.held * (1 + self.fall):
            return f"rose by {self.found / self.held - 1:.0%}: raise the budget"
        return "holds"


def read(path: Path = FILE) -> Budget:
    """Raises `BudgetError` where the file is not a budget."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BudgetError(f"{path.name}: {error}") from error
    fall = _number(path, "fall", found.get("fall"))
    if fall >= 1:
        raise BudgetError(f"{path.name}: fall must be less than 1")
    rows = found.get("rows")
    if not isinstance(rows, dict) or not rows:
        raise BudgetError(f"{path.name}: there is no row")
    times = {
        name: _number(path, f"times of {name}", value)
        for name, value in found.get("times", {}).items()
    }
    return Budget(fall, {name: _row(path, name, row) for name, row in rows.items()}, times)


def _row(path: Path, name: str, row: Any) -> Row:
    if not isinstance(row, dict) or not {"held"} <= row.keys() <= {"held", "wanted"}:
        raise BudgetError(f"{path.name}: {name} needs `held`, and may have `wanted`; nothing else")
    wanted = row.get("wanted")
    return Row(
        _number(path, f"held of {name}", row["held"]),
        None if wanted is None else _number(path, f"wanted of {name}", wanted),
    )


def _number(path: Path, what: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise BudgetError(f"{path.name}: {what} must be a number over 0")
    return float(value)


def compared(budget: Budget, found: Mapping[str, float]) -> Iterator[Verdict]:
    """Each ratio beside what was held.

    Raises:
        BudgetError: something was not measured, or has no row.
    """
    if missing := sorted(budget.rows.keys() - found.keys()):
        raise BudgetError(f"not measured: {', '.join(missing)}")
    if unknown := sorted(found.keys() - budget.rows.keys()):
        raise BudgetError(f"no row in {FILE.name}: {', '.join(unknown)}")
    for work, row in budget.rows.items():
        yield Verdict(work, row.held, found[work], budget.fall)


def recorded(text: str, found: Mapping[str, float]) -> str:
    """The file's text with what was found as what is held; everything else stays as it is."""
    lines, work = [], ""
    for line in text.splitlines():
        if row := _ROW.match(line):
            work = row[1]
        if line.startswith("held =") and work in found:
            lines.append(f"held = {found[work]:.3f}")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"
