"""Plots of what is kept in benchmarks/history, as SVG and PNG for the pages of the documentation.

Each picture holds the hash of the numbers that it shows, so that whoever has no library to draw with
can still tell whether it is the picture of the newest run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kept_runs import BARE, ROOT, Kept, newest, of_bare, wanted

FOLDER = ROOT / "docs" / "explanation" / "performance"
FORMS = ("svg", "png")
Series = Mapping[str, Mapping[str, float]]
"""Numbers by what they are told of, for each line or kind of bar."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn; `panels` by their titles."""

    name: str
    title: str
    form: str
    unit: str
    along: str
    panels: Mapping[str, Series]

    @property
    def digest(self) -> str:
        told = json.dumps([self.form, self.unit, self.along, self.panels])
        return hashlib.sha256(told.encode()).hexdigest()

    def paths(self, folder: Path = FOLDER) -> list[Path]:
        return [folder / f"{self.name}.{form}" for form in FORMS]

    def drawn(self, folder: Path = FOLDER) -> bool:
        """Whether the files are there, and show these numbers."""
        return all(
            path.is_file() and self.digest.encode() in path.read_bytes()
            for path in self.paths(folder)
        )


def pictures(kept: Mapping[str, Kept] | None = None) -> Iterator[Picture]:
    """All that the kept runs have the numbers for."""
    found = newest() if kept is None else kept
    if "serving" in found:
        yield _serving(found["serving"])
    if "peers" in found:
        yield _peers(found["peers"])
    for name, along in (("contexts", "contexts in the store"), ("entries", "entries before")):
        if name in found:
            yield _growth(name, along, found[name])


def _serving(kept: Kept) -> Picture:
    shares = {work: share for work, (_, share) in of_bare(kept).items() if work != BARE}
    aims = {work: aim for work, aim in wanted().items() if work in shares}
    unit = "answers a second, of a bare answer's"
    return Picture(
        "serving", "Answers a second", "bars", unit, "", {"": {"measured": shares, "wanted": aims}}
    )


def _peers(kept: Kept) -> Picture:
    panels: dict[str, dict[str, dict[str, float]]] = {}
    for row in kept.rows:
        words = row.what.split()
        if row.unit != "ms" or words[-1] != "messages":
            continue
        panel = panels.setdefault(" ".join(words[1:-3]), {})
        for peer, value in row.values.items():
            panel.setdefault(peer, {})[words[-2].replace(",", "")] = value
    return Picture(
        "peers",
        "Times by the length of the conversation",
        "lines",
        "ms",
        "messages of the conversation",
        panels,
    )


def _growth(name: str, along: str, kept: Kept) -> Picture:
    """A panel for each unit; how long a start takes is left to the table."""
    panels: dict[str, dict[str, Mapping[str, float]]] = {}
    for row in kept.rows:
        if row.unit != "s" and all(number.isdigit() for number in row.values):
            panels.setdefault(row.unit, {})[row.what.removesuffix(", worked")] = row.values
    return Picture(name, f"Costs by the number of {name}", "lines", "", along, panels)
