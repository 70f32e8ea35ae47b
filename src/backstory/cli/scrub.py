"""`backstory scrub`: whether everything in a store is still whole."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from backstory.cli.options import json_option, setting_options, settings_from, store_that_is_there

if TYPE_CHECKING:
    from backstory.contexts.scrubbing import Report
    from backstory.ports.scrubbing import Looked, Place


@click.command("scrub")
@setting_options("store", "keys", "master_key")
@json_option
def command(*, as_json: bool, **flags: Any) -> None:
    """Look whether everything in a store is still whole.

    Contexts are compared with their changes and entries, the change log with what was handed out,
    chunks of content with their names, manifests with their roots and chunks. Servers do the same
    in the background; this does it at once, beside running servers too. Nothing is mended. The exit
    code is 1 where something is damaged.
    """
    settings = store_that_is_there(settings_from(flags))
    from backstory.wiring import scrub_store

    report = scrub_store(settings, _Progress(shown=not as_json and sys.stderr.isatty()))
    if as_json:
        view = {
            "ok": not report.damage,
            "looked_at": report.counts,
            "damage": msgspec.to_builtins(report.damage),
        }
        click.echo(json.dumps(view, indent=2))
    else:
        _tell(report)
    if report.damage:
        raise SystemExit(1)


def _tell(report: Report) -> None:
    for one in report.damage:
        click.echo(f"damaged {one}")
    counts = report.counts
    click.echo(
        f"{counts.get('context', 0):,} contexts, {counts.get('log', 0):,} changes, "
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
