"""`backstory backup`: copy a store in a file to another file, while it is in use."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from backstory.cli.options import json_option, setting_options, settings_from
from backstory.cli.routing import one_store, route_option

if TYPE_CHECKING:
    from backstory.storage.sqlite.backups.ends import Backup

_NICENESS: Final = 10  # servers on the same machine come first


@click.command("backup")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@setting_options("store", "routes", "keys")
@route_option
@json_option
def command(*, file: Path, route: str | None, as_json: bool, **flags: Any) -> None:
    """Copy a store to FILE, which must not be there yet, while servers go on writing.

    The copy is the store as it stood at one moment. It takes its name when it is whole and was looked
    through. Any SQLite can read it, and `backstory restore` makes a store of it again. Keys and the list of
    erasures are not in it. Where routes name more stores, each is copied for itself: --route says which.
    """
    settings = one_store(settings_from(flags), route)
    from backstory.cli.progress import Bar
    from backstory.wiring import back_up

    os.nice(_NICENESS)
    with Bar("copying", shown=not as_json) as bar:
        backup = back_up(settings, file, bar.at)
    if as_json:
        click.echo(json.dumps({"file": str(file)} | told(backup), indent=2))
    else:
        click.echo(f"{file}: {sentence(backup)}")


def told(backup: Backup) -> dict[str, Any]:
    """What a backup says of itself, for scripts."""
    view: dict[str, Any] = msgspec.to_builtins(backup)
    return view


def sentence(backup: Backup) -> str:
    """The same for people."""
    kept = ", encrypted" if backup.encrypted else ""
    return f"{backup.bytes:,} bytes of epoch {backup.epoch} as it stood at {backup.taken_at}{kept}, whole"
