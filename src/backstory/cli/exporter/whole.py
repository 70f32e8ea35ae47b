"""`backstory export --history`: a whole store as lines."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from backstory.cli.target import STDOUT, Target
from backstory.config import Settings
from backstory.wiring import export_whole


def whole(settings: Settings, output: str, *, decrypt: bool, as_json: bool) -> None:
    """Write it; the report goes to standard error where standard output holds the lines."""
    with Target(output, private=True) as target:
        counted = export_whole(settings, target.write, decrypt=decrypt)
    if as_json:
        view = {name: value for name, value in asdict(counted).items() if name != "epoch"}
        click.echo(json.dumps(view | {"output": output}), err=output == STDOUT)
    else:
        click.echo(
            f"{counted.tenants:,} tenants with {counted.contexts:,} contexts in "
            f"{counted.versions:,} versions, and {counted.entries:,} entries, written",
            err=True,
        )
    if decrypt:
        click.echo("all of it in clear text: take it away when it was imported", err=True)
