"""`backstory migrate`: bring a store to this release's schema."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from backstory.cli.options import json_option, setting_options, settings_from, store_that_is_there


@click.command("migrate")
@setting_options("store")
@click.option(
    "--new-epoch",
    is_flag=True,
    help="Begin another epoch: the store was restored, or a replica was promoted.",
)
@json_option
def command(*, new_epoch: bool, as_json: bool, **flags: Any) -> None:
    """Bring a store to this release's schema.

    Each step happens as a whole or not at all, and the command may be given again. Make a
    backup before.

    With --new-epoch, cursors and tags that clients still hold are good no more, so that none
    takes what is there now for what it has seen before. Stop all servers first.
    """
    settings = store_that_is_there(settings_from(flags))
    from backstory.wiring import begin_epoch, migrate_store

    done = migrate_store(settings)
    epochs = begin_epoch(settings) if new_epoch else None
    if as_json:
        members: dict[str, Any] = {
            "from": done.before,
            "to": done.after,
            "applied": list(done.applied),
            "epoch": None if epochs is None else asdict(epochs),
        }
        click.echo(json.dumps({"store": settings.store.shown} | members, indent=2))
    elif done.applied:
        steps = ", ".join(done.applied)
        click.echo(f"schema version {done.before} to {done.after}: {steps}")
    else:
        click.echo(f"{settings.store.shown} is up to date (schema version {done.after})")
    if epochs is not None and not as_json:
        click.echo(f"epoch {epochs.before} has ended, {epochs.after} has begun")
