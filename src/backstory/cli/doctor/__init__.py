"""`backstory doctor`: what is wrong with a store and its surroundings, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any, Final

import click

from backstory.cli.doctor import (
    databases,
    deciding,
    files,
    host,
    integrity,
    keys,
    network,
    routes,
    services,
    surroundings,
)
from backstory.cli.doctor.findings import Finding
from backstory.cli.options import (
    json_option,
    setting_options,
    settings_from,
    store_that_is_there,
)
from backstory.config import ServerUrl, Settings
from backstory.domain.permissions import Verb
from backstory.domain.principals import DEFAULT_TENANT

_SIGNS: Final = {"ok": "ok     ", "warning": "warning", "failed": "failed "}


@click.command("doctor")
@setting_options()
@click.option("--as", "subject", metavar="SUBJECT", help="Tell what SUBJECT may do, and why.")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="The subject's tenant.")
@click.option("--role", "roles", multiple=True, help="A role of its token; again for more.")
@click.option("--group", "groups", multiple=True, help="A group of its token; again for more.")
@click.option("--client", help="The client of its token.")
@click.option("--scope", help="The scope of its token, if that has one.")
@click.option("--verb", type=click.Choice([str(each) for each in Verb]), help="What it would do.")
@click.option("--namespace", help="The namespace in which it would.")
@click.option("--context", help="The context with which it would, as namespace/name.")
@json_option
def command(*, as_json: bool, **flags: Any) -> None:
    """Look for what is wrong with a store and its surroundings, and list the extensions.

    Takes the flags of `serve`. Writes nothing, and works beside a running server. The exit code
    is 1 where something failed.

    With --as it tells instead what a caller may do who shows a token of that subject, and with
    --verb whether it may do one thing, and which role, binding, denial or scope decides. The exit
    code is 1 where it may not.
    """
    wanted = deciding.asked(flags)
    settings = settings_from(flags)
    if wanted is not None:
        if not deciding.tell(store_that_is_there(settings), wanted, as_json=as_json):
            raise SystemExit(1)
        return
    asked, settings = settings, replace(keys.without(settings), routes=())
    extensions = surroundings.extensions()
    findings = [
        *surroundings.settings(asked),
        *surroundings.certificate(settings),
        *map(surroundings.extension, extensions),
        *_alone(replace(asked, routes=())),
        *routes.look(asked, _alone),
        *services.replica(settings),
        services.cache(settings),
        *services.bus(settings),
        *network.look(asked),
        *network.clock(settings),
        *host.look(asked),
    ]
    failed = any(finding.status == "failed" for finding in findings)
    if as_json:
        view = {
            "ok": not failed,
            "findings": [asdict(finding) for finding in findings],
            "extensions": [asdict(extension) for extension in extensions],
        }
        click.echo(json.dumps(view, indent=2))
    else:
        for finding in findings:
            click.echo(f"{_SIGNS[finding.status]} {finding.name}: {finding.detail}")
            if finding.next is not None:
                click.echo(f"        next: {finding.next}")
    if failed:
        raise SystemExit(1)


def _alone(settings: Settings) -> Iterator[Finding]:
    """All that is asked about each store; of one that lets nobody write not what would wait for it."""
    looked_at = keys.without(settings)
    found = list(_store(looked_at))
    yield from found
    if not any(each.name == "lock" and each.status == "failed" for each in found):
        yield from keys.look(settings)
        yield from integrity.look(looked_at)


def _store(settings: Settings) -> Iterator[Finding]:
    if isinstance(settings.store, ServerUrl):
        yield from databases.look(settings)
    else:
        yield from files.look(settings.store.path)
