"""Plots over time as SVG, by hand: a few paths, which a page holds without any script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

_WIDTH: Final = 900
_HEIGHT: Final = 180
_LEFT: Final = 64
_TOP: Final = 12
_BOTTOM: Final = 26
_COLOURS: Final = ("#2563eb", "#dc2626", "#d97706", "#7c3aed")


def over_time(
    title: str, at: Sequence[str], lines: Sequence[tuple[str, Sequence[float]]], unit: str = ""
) -> str:
    """One plot with a line for each of `lines`, on one scale that begins at 0."""
    most = _round_up(max((value for _, values in lines for value in values), default=0.0))
    drawn = "".join(
        f'<path d="{_path(values, most)}" fill="none" stroke="{_COLOURS[place % len(_COLOURS)]}" '
        'stroke-width="1.5"/>'
        for place, (_, values) in enumerate(lines)
    )
    legend = "".join(
        f'<tspan dx="14" fill="{_COLOURS[place % len(_COLOURS)]}">{escape(name)}</tspan>'
        for place, (name, _) in enumerate(lines)
    )
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'role="img" aria-label="{escape(title)}">{_frame(most, unit)}{drawn}'
        f'<text x="{_WIDTH - 20 - 14 * len(lines)}" y="{_TOP + 8}" text-anchor="end">{legend}</text>'
        f"{_times(at)}</svg></figure>"
    )


def _frame(most: float, unit: str) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = _y(most * share, most)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#8884"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{most * share:,.6g}{escape(unit)}</text>"
        )
    return "".join(parts)


def _times(at: Sequence[str]) -> str:
    if not at:
        return ""
    y = _HEIGHT - 6
    shown = [(_LEFT, "start", at[0])]
    if len(at) > 1:
        shown.append((_WIDTH, "end", at[-1]))
    return "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text[:19].replace("T", " "))}</text>'
        for x, anchor, text in shown
    )


def _path(values: Sequence[float], most: float) -> str:
    """A line with steps, since each value stands for a span and not for a moment."""
    step = (_WIDTH - _LEFT) / max(len(values), 1)
    moves = []
    for place, value in enumerate(values):
        y = _y(value, most)
        moves.append(f"{_LEFT + place * step:.1f} {y:.1f}")
        moves.append(f"{_LEFT + (place + 1) * step:.1f} {y:.1f}")
    return "M" + "L".join(moves) if moves else ""


def _y(value: float, most: float) -> float:
    room = _HEIGHT - _TOP - _BOTTOM
    return _TOP + room - room * (value / most if most else 0.0)


def _round_up(value: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 1.0
    return float(next(power * times for times in (1, 2, 5, 10) if power * times >= value))
