"""`backstory keys`: the keys of an encrypted store."""

from __future__ import annotations

import json
from pathlib import Path

import click

from backstory.cli.options import json_option


@click.group("keys")
def command() -> None:
    """Make the master key of an encrypted store, and see to its keys.

    Each command takes --json, for scripts.
    """


@command.command("make")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def make(path: Path, *, as_json: bool) -> None:
    """Make a master key in a new file that only you can read.

    Whoever loses it loses all that it encrypts. Keep a copy apart from the store and its backups.
    """
    from backstory.encryption.masters import FileMaster, make_file

    make_file(path)
    name = FileMaster.read(path).name
    setting = f"file:{path.resolve()}"
    if as_json:
        click.echo(json.dumps({"name": name, "master_key": setting}, indent=2))
    else:
        click.echo(f"BACKSTORY_MASTER_KEY={setting}")
