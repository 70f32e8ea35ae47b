"""What `make bench` measured, out of the runs that are kept in benchmarks/history."""

from itertools import groupby

import drawing
from docs_tables.markdown import rows
from kept_runs import BARE, Kept, Row, newest, of_bare, times, wanted

_NONE = "No run of this is kept yet.\n"
_CALL = "MCP read_context"
_SHOWN = {"server-memory": "memory server"}


def measured_on() -> str:
    """Each kept benchmark with its run: date, commit, machine, how long it took."""
    found = newest()
    if not found:
        return _NONE
    cells = [_on(name, kept) for name, kept in sorted(found.items())]
    return rows(("benchmark", "measured", "commit", "on", "took"), *cells)


def _on(name: str, kept: Kept) -> tuple[str, ...]:
    machine = kept.run["machine"]
    on = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:g} GiB, {machine['system']}"
    date = kept.run["date"].replace("T", " ").replace("Z", " UTC")
    commit = f"`{kept.run['commit']}`" + (", changed" if kept.run["changed"] else "")
    return f"`{name}`", date, commit, on, f"{kept.seconds:.0f} s"


def measured_versions() -> str:
    """What was measured, by the newest run of all."""
    found = newest().values()
    if not found:
        return _NONE
    versions = max(found, key=lambda kept: str(kept.run["date"])).run["versions"]
    return ", ".join(f"{_SHOWN.get(name, name)} {one}" for name, one in versions.items()) + ".\n"


def measured_serving() -> str:
    """Answers a second, their share of a bare answer's, and what it is to become."""
    kept = newest().get("serving")
    if kept is None:
        return _NONE
    aims = wanted()
    cells = [
        (
            work,
            f"{rate:,.0f}",
            "" if work == BARE else f"{share:.2f}",
            f"{aims[work]:g}" if work in aims else "",
        )
        for work, (rate, share) in of_bare(kept).items()
    ]
    first = rows(("", "answers a second", "of a bare answer", "wanted"), *cells)
    return f"{first}\n{_beside(kept)}"


def _beside(kept: Kept) -> str:
    """How often as fast our call over MCP is."""
    rates = {work: rate for work, (rate, _) in of_bare(kept).items()}
    cells = [
        (other, f"{rates[_CALL] / rates[other]:.1f}", f"{aim:g}")
        for other, aim in times().items()
        if other in rates
    ]
    return rows((f"{_CALL}, beside that of", "times as fast", "wanted"), *cells)


def measured(benchmark: str) -> str:
    """All that one benchmark measured: a table for each set of names that its rows have."""
    kept = newest().get(benchmark)
    if kept is None:
        return _NONE
    tables = groupby(kept.rows, key=lambda row: tuple(row.values))
    return "\n".join(_table(names, list(found)) for names, found in tables)


def measured_plot(name: str) -> str:
    """The plot of that name, where there is a run that it shows."""
    for picture in drawing.pictures():
        if picture.name == name:
            svg, png = (f"performance/{path.name}" for path in picture.paths())
            return f"\n![{picture.title}]({svg})\n\nThe same [as PNG]({png}).\n"
    return ""


def _table(names: tuple[str, ...], found: list[Row]) -> str:
    heads = [f"{int(name):,}" if name.isdigit() else name for name in names]
    cells = [(_named(row), *map(_shown, row.values.values())) for row in found]
    return rows(("", *heads), *cells)


def _named(row: Row) -> str:
    return f"{row.what} ({row.unit})" if row.unit else row.what


def _shown(number: float) -> str:
    """Three digits, or all before the point."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
