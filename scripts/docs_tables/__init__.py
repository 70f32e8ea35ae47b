"""The tables of the reference, made from the code, and those of what was measured.

A page holds each between `<!-- begin NAME -->` and `<!-- end -->`, with whatever its name is given
behind it; everything else on a page is written by hand. `scripts/reference` writes them anew, and
`scripts/reference --check` compares.
"""

import re
from collections.abc import Callable
from pathlib import Path

from docs_tables import (
    calls,
    interfaces,
    measured,
    names,
    observing,
    processing,
    protocols,
    rendering,
    tool_calls,
)

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
PERFORMANCE = REFERENCE.parent / "explanation" / "performance.md"
_TABLE = re.compile(r"(?<=<!-- begin )(\w+)((?: [\w.-]+)*)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
TABLES: dict[str, Callable[..., str]] = {
    each.__name__: each
    for each in (
        calls.calls,
        calls.shapes,
        interfaces.commands,
        interfaces.endpoints,
        interfaces.tools,
        measured.measured,
        measured.measured_on,
        measured.measured_plot,
        measured.measured_serving,
        measured.measured_versions,
        names.bounds,
        names.error_codes,
        names.settings,
        names.summariser_failures,
        observing.events,
        observing.labels,
        observing.metrics,
        processing.extending,
        processing.parsers,
        processing.transforms,
        protocols.capabilities,
        protocols.methods,
        protocols.questions,
        protocols.versions,
        rendering.counters,
        rendering.models,
        rendering.reasons,
        rendering.strategies,
        tool_calls.arguments,
    )
}


def brought_up_to_date(text: str) -> str:
    """A page with its tables made anew."""
    return _TABLE.sub(
        lambda found: f"{found[1]}{found[2]}{found[3]}\n{TABLES[found[1]](*found[2].split())}\n",
        text,
    )


def tables_of(text: str) -> list[str]:
    """The names of the tables that a page holds."""
    return [found[1] for found in _TABLE.finditer(text)]


def pages() -> list[Path]:
    """The pages that hold a table."""
    found = [*sorted(REFERENCE.rglob("*.md")), PERFORMANCE]
    return [page for page in found if "<!-- begin " in page.read_text(encoding="utf-8")]
