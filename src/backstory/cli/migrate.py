"""`backstory migrate`: bring a store to this release's schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from backstory.cli.options import json_option, setting_options, settings_from
from backstory.cli.routing import Kept, route_option, stores

if TYPE_CHECKING:
    from backstory.storage.meta import Epochs
    from backstory.storage.migrations import Migrated, Wanted


@click.command("migrate")
@setting_options("store", "routes")
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
@route_option
@json_option
def command(
    *,
    deploy: str | None,
    pending: bool,
    new_epoch: bool,
    route: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Bring a store to this release's schema.

    Each step happens as a whole or not at all, and the command may be given again. Make a
    backup before. Without --before-deploy or --after-deploy, all steps are applied: stop the
    servers of the release before first.

    With --new-epoch, cursors and tags that clients still hold are good no more, so that none
    takes what is there now for what it has seen before. Stop all servers first. Alone it applies
    no step.

    Where routes name more stores, all of them are looked after, one after the other.
    """
    from backstory.storage.migrations import Deploy, Wanted

    if pending and (deploy or new_epoch):
        raise click.UsageError("--pending applies nothing; give it alone")
    wanted = Wanted(
        Deploy(deploy) if deploy else None, nothing=pending or (new_epoch and not deploy)
    )
    every = stores(settings_from(flags), route)
    if as_json:
        first, *others = (_members(_migrate(each, wanted, new_epoch=new_epoch)) for each in every)
        click.echo(json.dumps(first | ({"routed": others} if others else {}), indent=2))
        return
    for each in every:
        for line in _lines(_migrate(each, wanted, new_epoch=new_epoch)):
            click.echo(line if len(every) == 1 else f"{each.called}: {line}")


@dataclass(frozen=True, slots=True)
class _Done:
    kept: Kept
    migrated: Migrated
    epochs: Epochs | None


def _migrate(kept: Kept, wanted: Wanted, *, new_epoch: bool) -> _Done:
    from backstory.wiring import begin_epoch, migrate_store

    with kept.told():
        migrated = migrate_store(kept.settings, wanted)
        return _Done(kept, migrated, begin_epoch(kept.settings) if new_epoch else None)


def _members(all_done: _Done) -> dict[str, Any]:
    done, epochs = all_done.migrated, all_done.epochs
    left = [
        {"number": step.number, "name": step.name, "deploy": str(step.deploy)}
        for step in done.pending
    ]
    about = {"store": all_done.kept.settings.store.shown}
    if all_done.kept.name:
        about["route"] = all_done.kept.name
    steps = {"from": done.before, "to": done.after, "applied": list(done.applied), "pending": left}
    return about | steps | {"epoch": None if epochs is None else asdict(epochs)}


def _lines(all_done: _Done) -> Iterator[str]:
    done, epochs = all_done.migrated, all_done.epochs
    if done.applied:
        steps = ", ".join(done.applied)
        yield f"schema version {done.before} to {done.after}: {steps}"
    elif not done.pending:
        yield f"{all_done.kept.settings.store.shown} is up to date (schema version {done.after})"
    for step in done.pending:
        yield f"pending: {step.number} {step.name}, {step.deploy} the deploy"
    if epochs is not None:
        yield f"epoch {epochs.before} has ended, {epochs.after} has begun"
