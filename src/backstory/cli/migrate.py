"""`backstory migrate`: bring a store to this release's schema."""

from __future__ import annotations

import json
from typing import Any

import click

from backstory.cli.options import json_option, setting_options, settings_from, store_that_is_there


@click.command("migrate")
@setting_options("store")
@json_option
def command(*, as_json: bool, **flags: Any) -> None:
    """Bring a store to this release's schema.

    Each step happens as a whole or not at all, and the command may be given again. Make a
    backup before.
    """
    settings = store_that_is_there(settings_from(flags))
    from backstory.wiring import migrate_store

    done = migrate_store(settings)
    if as_json:
        members = {"from": done.before, "to": done.after, "applied": list(done.applied)}
        click.echo(json.dumps({"store": settings.store.shown} | members, indent=2))
    elif done.applied:
        steps = ", ".join(done.applied)
        click.echo(f"schema version {done.before} to {done.after}: {steps}")
    else:
        click.echo(f"{settings.store.shown} is up to date (schema version {done.after})")
