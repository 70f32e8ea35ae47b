"""`backstory config`: each setting with its value, where it came from and what it means."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import click

from backstory.cli.options import json_option, setting_options, settings_from
from backstory.config import TABLE, Settings

_PIPE_COLUMNS: Final = 10_000  # wider than any row


@click.command("config")
@setting_options()
@json_option
def command(*, as_json: bool, **flags: Any) -> None:
    """Show each setting with its value, origin and meaning.

    Takes the flags of `serve`, to show what would be in force with them. Secrets are masked.
    """
    settings = settings_from(flags)
    if as_json:
        click.echo(json.dumps({"settings": [_row(settings, name) for name in TABLE]}, indent=2))
    else:
        _print_table(settings)


def _row(settings: Settings, name: str) -> dict[str, Any]:
    """One setting for a program. `value` keeps its JSON type unless it is masked."""
    setting = TABLE[name]
    value = getattr(settings, name)
    plain = isinstance(value, bool | int | None) and not setting.secret
    if isinstance(value, tuple):
        value = list(value)
    elif not plain:
        value = setting.shown(value)
    return {
        "name": name,
        "value": value,
        "origin": settings.origin(name),
        "meaning": setting.meaning,
        "default": setting.default,
        "variable": setting.variable,
        "flag": setting.flag,
    }


def _print_table(settings: Settings) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("Setting", no_wrap=True)
    table.add_column("Value", overflow="fold", min_width=24)
    table.add_column("Origin", overflow="fold", min_width=10)
    table.add_column("Meaning", overflow="fold")
    for name, setting in TABLE.items():
        value = setting.shown(getattr(settings, name)) or "none"
        table.add_row(name, value, settings.origin(name), setting.meaning)
    # A terminal has its width; what goes to a file or a pipe is not broken to fit one.
    width = None if sys.stdout.isatty() else _PIPE_COLUMNS
    Console(width=width, markup=False, highlight=False).print(table)
