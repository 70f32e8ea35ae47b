"""`backstory scrub`: whether everything in a store is still whole."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from backstory.cli.options import json_option, setting_options, settings_from
from backstory.cli.routing import Kept, route_option, stores

if TYPE_CHECKING:
    from backstory.contexts.scrubbing import Report
    from backstory.ports.scrubbing import Looked, Place


@click.command("scrub")
@setting_options("store", "routes", "keys", "master_key")
@route_option
@json_option
def command(*, route: str | None, as_json: bool, **flags: Any) -> None:
    """Look whether everything in a store is still whole.

    Contexts are compared with their changes and entries, the change log with what was handed out,
    chunks of content with their names, manifests with their roots and chunks. Servers do the same
    in the background; this does it at once, beside running servers too. Nothing is mended. The exit
    code is 1 where something is damaged. Where routes name more stores, all of them are looked at.
    """
    every = stores(settings_from(flags), route)
    found: list[tuple[Kept, Report]] = []
    for each in every:
        report = _scrub(each, shown=not as_json and sys.stderr.isatty())
        found.append((each, report))
        if not as_json:
            _tell(report, f"{each.called}: " if len(every) > 1 else "")
    if as_json:
        first, *others = (_view(*each) for each in found)
        click.echo(json.dumps(first | ({"routed": others} if others else {}), indent=2))
    if any(report.damage for _, report in found):
        raise SystemExit(1)


def _scrub(kept: Kept, *, shown: bool) -> Report:
    from backstory.wiring import scrub_store

    with kept.told():
        return scrub_store(kept.settings, _Progress(shown=shown))


def _view(kept: Kept, report: Report) -> dict[str, Any]:
    return ({"route": kept.name} if kept.name else {}) | {
        "ok": not report.damage,
        "looked_at": report.counts,
        "damage": msgspec.to_builtins(report.damage),
    }


def _tell(report: Report, whose: str) -> None:
    for one in report.damage:
        click.echo(f"{whose}damaged {one}")
    counts = report.counts
    click.echo(
        f"{whose}{counts.get('context', 0):,} contexts, {counts.get('log', 0):,} changes, "
        f"{counts.get('chunk', 0):,} chunks and {counts.get('manifest', 0):,} manifests: "
        + (f"{len(report.damage)} damaged" if report.damage else "all whole")
    )


class _Progress:
    """One line on a terminal that tells how far it is."""

    def __init__(self, *, shown: bool) -> None:
        self._shown, self._counts = shown, dict[str, int]()

    def __call__(self, place: Place, looked: Looked) -> None:
        if not self._shown:
            return
        self._counts[place.what] = self._counts.get(place.what, 0) + looked.count
        text = ", ".join(f"{what} {count:,}" for what, count in self._counts.items())
        click.echo(f"\r{text}" if looked.next else f"\r{' ' * len(text)}\r", nl=False, err=True)
