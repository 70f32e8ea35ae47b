"""`backstory analyze`: what the logs of servers tell."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from backstory.cli.options import json_option
from backstory.errors import MalformedError

if TYPE_CHECKING:
    from backstory.observability.analysis.findings import Findings

_SHOWN_ROWS: Final = 10
_TELL_EVERY: Final = 100_000  # lines


@click.command("analyze")
@click.argument("log", nargs=-1, required=True, metavar="LOG...")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write a page with plots, which needs nothing else.")  # fmt: skip
@json_option
def command(*, log: tuple[str, ...], page: Path | None, as_json: bool) -> None:
    """Tell of errors, slow calls, busy tenants, conflicts and growth, from logs in JSON.

    LOG is a file, plain or gzip, or - for standard input. Lines of requests are there where
    access_log is set. What is no line of a server's log is counted and passed over. Memory is
    bounded, however large the logs are.
    """
    findings, unreadable = _analyzed(log)
    if page is not None:
        _write(page, findings, log)
    if as_json:
        click.echo(json.dumps(asdict(findings), indent=2))
    else:
        _tell(findings, page)
    if not findings.total["lines"]:
        raise MalformedError(
            f"none of {unreadable:,} lines is one of a Backstory server; its log is in JSON with "
            "log_format = json"
        )


def _analyzed(names: tuple[str, ...]) -> tuple[Findings, int]:
    from dataclasses import replace

    from backstory.observability.analysis import findings
    from backstory.observability.analysis.counting import Counts
    from backstory.observability.analysis.reading import Lines

    lines, counts, foreign = Lines(), Counts(), 0
    shown = sys.stderr.isatty()
    for name in names:
        for line in lines.of(name):
            foreign += not counts.line(line)
            if shown and lines.read % _TELL_EVERY == 0:
                click.echo(f"\r{lines.read:,} lines", nl=False, err=True)
    if shown:
        click.echo("\r" + " " * 24 + "\r", nl=False, err=True)
    found = findings.of(counts)
    unreadable = lines.unreadable + foreign
    told = {**found.total, "unreadable": unreadable, "cut_off": lines.broken}
    return replace(found, total=told), unreadable


def _write(page: Path, findings: Findings, names: tuple[str, ...]) -> None:
    from backstory.observability.analysis.page import html

    try:
        page.write_text(html(findings, names), encoding="utf-8")
    except OSError as error:
        raise MalformedError(f"cannot write {page}: {error.strerror}") from error


def _tell(findings: Findings, page: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from backstory.observability.analysis.page import TABLES

    console = Console()
    total, spans = findings.total, findings.over_time
    first = (
        f"{total['requests']:,} requests from {total['from']} to {total['to']}; "
        f"{total['failed']:,} failed, {total['refused']:,} refused; "
        f"p50 {total['p50']:g} ms, p95 {total['p95']:g} ms, p99 {total['p99']:g} ms"
    )
    console.print(Text(first), soft_wrap=True)
    more = [f"{total['lines']:,} lines of {total['tenants']:,} tenants"]
    if spans["growth"] is not None:
        more.append(f"the last third has {spans['growth']:g} times the requests of the first")
    if total["unreadable"]:
        more.append(f"{total['unreadable']:,} lines are none of ours and were passed over")
    if total["cut_off"]:
        more.append(f"cut off in the middle: {', '.join(total['cut_off'])}")
    if not total["exact"]:
        more.append("more names than are counted one by one: small counts are estimates")
    console.print(Text("; ".join(more)), soft_wrap=True)
    for name, title in TABLES:
        rows: list[dict[str, Any]] = list(getattr(findings, name))
        if not rows:
            continue
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for column, value in rows[0].items():
            numeric = isinstance(value, int | float)
            table.add_column(column.replace("_", " "), justify="right" if numeric else "left",
                             overflow="fold")  # fmt: skip
        for row in rows[:_SHOWN_ROWS]:
            table.add_row(*(Text(_shown(value)) for value in row.values()))
        console.print()
        console.print(table)
    if page is not None:
        console.print(Text(f"\nThe page is {page}"), soft_wrap=True)


def _shown(value: object) -> str:
    if isinstance(value, int | float):
        return f"{value:,}"
    # What stands in a log may be meant for a terminal.
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value)
    )
