"""`backstory migrate`: bring a store to this release's schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from backstory.cli.options import json_option, setting_options, settings_from, store_that_is_there

if TYPE_CHECKING:
    from backstory.storage.migrations import Migrated


@click.command("migrate")
@setting_options("store")
@click.option(
    "--before-deploy",
    "deploy",
    flag_value="before",
    help="Only the steps that servers of the release before go on with.",
)
@click.option(
    "--after-deploy",
    "deploy",
    flag_value="after",
    help="Only the steps that wait until no server of the release before runs.",
)
@click.option("--pending", is_flag=True, help="Apply nothing; tell which steps are pending.")
@click.option(
    "--new-epoch",
    is_flag=True,
    help="Begin another epoch: the store was restored, or a replica was promoted.",
)
@json_option
def command(
    *, deploy: str | None, pending: bool, new_epoch: bool, as_json: bool, **flags: Any
) -> None:
    """Bring a store to this release's schema.

    Each step happens as a whole or not at all, and the command may be given again. Make a
    backup before. Without --before-deploy or --after-deploy, all steps are applied: stop the
    servers of the release before first.

    With --new-epoch, cursors and tags that clients still hold are good no more, so that none
    takes what is there now for what it has seen before. Stop all servers first.
    """
    settings = store_that_is_there(settings_from(flags))
    from backstory.storage.migrations import Deploy, Wanted
    from backstory.wiring import begin_epoch, migrate_store

    if pending and (deploy or new_epoch):
        raise click.UsageError("--pending applies nothing; give it alone")
    done = migrate_store(settings, Wanted(Deploy(deploy) if deploy else None, nothing=pending))
    epochs = begin_epoch(settings) if new_epoch else None
    if as_json:
        members = {"store": settings.store.shown} | _members(done)
        epoch = None if epochs is None else asdict(epochs)
        click.echo(json.dumps(members | {"epoch": epoch}, indent=2))
        return
    for line in _lines(settings.store.shown, done):
        click.echo(line)
    if epochs is not None:
        click.echo(f"epoch {epochs.before} has ended, {epochs.after} has begun")


def _members(done: Migrated) -> dict[str, Any]:
    left = [
        {"number": step.number, "name": step.name, "deploy": str(step.deploy)}
        for step in done.pending
    ]
    return {"from": done.before, "to": done.after, "applied": list(done.applied), "pending": left}


def _lines(store: str, done: Migrated) -> Iterator[str]:
    if done.applied:
        steps = ", ".join(done.applied)
        yield f"schema version {done.before} to {done.after}: {steps}"
    elif not done.pending:
        yield f"{store} is up to date (schema version {done.after})"
    for step in done.pending:
        yield f"pending: {step.number} {step.name}, {step.deploy} the deploy"
