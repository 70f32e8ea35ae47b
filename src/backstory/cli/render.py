"""`backstory render`: a window on contexts of a running server, and why it is as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import click

from backstory.cli import remote
from backstory.cli.options import json_option
from backstory.rendering.models import FORMS
from backstory.rendering.strategies import TABLE

_COLUMNS: Final = ("source", "part", "kept", "dropped", "tokens", "trust", "reason", "seqs")


@click.command("render")
@click.argument("contexts", metavar="CONTEXT...", nargs=-1, required=True)
@click.option("--model", required=True, help="The model that the window is for.")
@click.option("--budget", type=int, required=True, metavar="TOKENS", help="As many at most.")
@click.option("--reserve", type=int, metavar="TOKENS", help="Of these, for the answer.")
@click.option("--format", "form", type=click.Choice(FORMS), help="[default: by the model]")
@click.option("--entries", type=click.Choice(tuple(TABLE)), help="What becomes of entries.")
@click.option("--query", help="What `--entries relevant` looks for.")
@click.option("--fallback", is_flag=True, help="Estimate where nobody knows the model.")
@click.option("--ledger", is_flag=True, help="Tell what was kept and dropped instead, and why.")
@click.option("--url", default=remote.DEFAULT_URL, show_default=True, help="The server.")
@click.option("--token-file", metavar="FILE", help="File with the token to show.")
@json_option
def command(
    *,
    contexts: Sequence[str],
    entries: str | None,
    query: str | None,
    ledger: bool,
    url: str,
    token_file: str | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Print what a model would be given of CONTEXT... (namespace/name), in its form.

    With --json, the whole answer: input, tokens, ledger, versions and the render's id.
    """
    source = _given(entries=entries, query=query)
    asked["format"] = asked.pop("form")
    body = _given(**asked) | {"sources": [{"context": each} | source for each in contexts]}
    with remote.client(url, token_file) as http:
        window = remote.checked(http.post("/v1/render", json=body)).json()
    if as_json:
        click.echo(json.dumps(window, ensure_ascii=False))
    elif ledger:
        click.echo(_table(window["ledger"]))
        tokens = window["tokens"]
        click.echo(f"{tokens['total']} tokens by {tokens['counter']}; {window['render_id']}")
    else:
        shown = window["input"]
        text = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False, indent=2)
        click.echo(text)


def _given(**members: Any) -> dict[str, Any]:
    """Those that somebody named."""
    return {name: value for name, value in members.items() if value is not None}


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """The ledger in columns."""
    lines = [_COLUMNS, *(tuple(_cell(row[name]) for name in _COLUMNS) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cell(value: Any) -> str:
    if isinstance(value, list):
        spans = [str(a) if a == b else f"{a}-{b}" for a, b in value[:5]]
        return ", ".join(spans) + (", ..." if len(value) > len(spans) else "")
    return "" if value is None else str(value)
