"""Pictures by matplotlib. The same numbers make the same files: no dates, no chance in names."""

from __future__ import annotations

from typing import Any, Final

import matplotlib as mpl  # type: ignore[import-not-found]
from matplotlib import pyplot as plt  # type: ignore[import-not-found]
from matplotlib.ticker import LogLocator, NullFormatter  # type: ignore[import-not-found]

from drawing import Picture, Series

mpl.use("agg")
mpl.rcParams.update(
    {
        "svg.hashsalt": "backstory",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "figure.constrained_layout.use": True,
    }
)
_COLORS: Final = ("#0f6fb5", "#d1611a", "#2a8f4a", "#b0323c", "#7a5bb0", "#7d5a45", "#c25fa3")
_MARKS: Final = "osD^vPX"
_WIDTH, _HEIGHT, _DPI = 9.0, 3.4, 130


def draw(picture: Picture) -> None:
    """Write its files."""
    figure = _FORMS[picture.form](picture)
    for path in picture.paths():
        told = {"Description": f"data sha256 {picture.digest}"}
        none = {"Date": None, "Creator": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, dpi=_DPI, metadata=told | none)
        if path.suffix == ".svg":  # no spaces at the ends of lines
            lines = path.read_text(encoding="utf-8").splitlines()
            path.write_text("\n".join(map(str.rstrip, lines)) + "\n", encoding="utf-8")
    plt.close(figure)


def _bars(picture: Picture) -> Any:
    """Bars for the first series, a mark at what the second names."""
    (series,) = picture.panels.values()
    measured, aims = series["measured"], series["wanted"]
    figure, axes = plt.subplots(figsize=(_WIDTH, 0.34 * len(measured) + 1.0))
    names = list(measured)
    bars = axes.barh(names, list(measured.values()), color=_COLORS[0], height=0.6)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    marked = [names.index(name) for name in aims]
    axes.scatter(list(aims.values()), marked, marker="|", s=160, color=_COLORS[1], label="wanted")
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(picture.unit)
    axes.legend(loc="lower right", frameon=False)
    return figure


def _lines(picture: Picture) -> Any:
    """A panel for each series of lines, both ways by powers of ten."""
    count = len(picture.panels)
    figure, panels = plt.subplots(1, count, figsize=(_WIDTH, _HEIGHT), squeeze=False)
    for axes, (title, series) in zip(panels[0], picture.panels.items(), strict=True):
        _panel(axes, series)
        axes.set_title(title)
        axes.set_xlabel(picture.along)
    panels[0][0].set_ylabel(picture.unit)
    handles: dict[str, Any] = {}
    for axes in panels[0]:
        lines, names = axes.get_legend_handles_labels()
        handles |= dict(zip(names, lines, strict=True))
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False
    )
    return figure


def _panel(axes: Any, series: Series) -> None:
    for number, (name, values) in enumerate(series.items()):
        axes.plot(
            [int(along) for along in values],
            list(values.values()),
            color=_COLORS[number % len(_COLORS)],
            marker=_MARKS[number % len(_MARKS)],
            markersize=4,
            label=name,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,.12g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())


_FORMS: Final = {"bars": _bars, "lines": _lines}
