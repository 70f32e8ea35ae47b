"""`backstory restore`: make a store of a backup again, or look whether one is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backstory.cli.backup import sentence, told
from backstory.cli.options import json_option, setting_options, settings_from
from backstory.cli.routing import one_store, route_option

if TYPE_CHECKING:
    from backstory.config import Settings
    from backstory.storage.sqlite.backups.restoring import Restored


@click.command("restore")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--check", "only", is_flag=True, help="Only look whether the backup is whole.")
@click.option(
    "--replace", is_flag=True, help="Put the store that is there aside; nobody may have it open."
)
@click.option(
    "--without-keys",
    "keyless",
    is_flag=True,
    help="Restore although the keys and the list of erasures are not at their place.",
)
@setting_options("store", "routes", "keys")
@route_option
@json_option
def command(
    *,
    file: Path,
    only: bool,
    replace: bool,
    keyless: bool,
    route: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Make a store of the backup FILE, where there is none.

    The backup is compared with its SHA-256, brought to this release's schema and looked through before it
    takes the place of anything. A new epoch begins, so that no client takes what is there now for what it
    has seen before. Where anything is wrong, nothing is changed. Where routes name more stores, --route says
    which is made.
    """
    if only and (replace or keyless or route):
        raise click.UsageError("--check restores nothing, so it goes with no other option")
    settings = settings_from(flags) if only else one_store(settings_from(flags), route, made=True)
    from backstory.cli.progress import Bar
    from backstory.wiring import check_backup, restore_backup

    with Bar("checking" if only else "restoring", shown=not as_json) as bar:
        if only:
            backup = check_backup(file, bar.at)
            view, said = told(backup), f"{file}: {sentence(backup)}"
        else:
            done = restore_backup(settings, file, bar.at, replace=replace, keyless=keyless)
            view, said = _view(done, settings), _said(done, settings)
    click.echo(json.dumps({"file": str(file)} | view, indent=2) if as_json else said)


def _view(done: Restored, settings: Settings) -> dict[str, Any]:
    return told(done.backup) | {
        "store": settings.store.shown,
        "migrated": list(done.migrated.applied),
        "ended_epoch": done.epochs.before,
        "epoch": done.epochs.after,
        "aside": None if done.aside is None else str(done.aside),
    }


def _said(done: Restored, settings: Settings) -> str:
    lines = [f"{settings.store.shown}: {sentence(done.backup)}"]
    if done.migrated.applied:
        lines.append(f"brought to schema version {done.migrated.after}")
    lines.append(f"epoch {done.epochs.before} has ended, {done.epochs.after} has begun")
    if done.aside is not None:
        lines.append(f"what was there before is {done.aside}")
    return "\n".join(lines)
