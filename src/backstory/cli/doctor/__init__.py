"""`backstory doctor`: what is wrong with a store and its surroundings, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

import click

from backstory.cli.doctor import databases, files, services, surroundings
from backstory.cli.doctor.findings import Finding
from backstory.cli.options import json_option, setting_options, settings_from
from backstory.config import ServerUrl, Settings

_SIGNS: Final = {"ok": "ok     ", "warning": "warning", "failed": "failed "}


@click.command("doctor")
@setting_options()
@json_option
def command(*, as_json: bool, **flags: Any) -> None:
    """Look for what is wrong with a store and its surroundings, and list the extensions.

    Takes the flags of `serve`. Writes nothing, and works beside a running server. The exit code
    is 1 where something failed.
    """
    settings = settings_from(flags)
    extensions = surroundings.extensions()
    findings = [
        *surroundings.settings(settings),
        *surroundings.certificate(settings),
        *map(surroundings.extension, extensions),
        *_store(settings),
        *services.replica(settings),
        services.cache(settings),
        *services.bus(settings),
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


def _store(settings: Settings) -> Iterator[Finding]:
    if isinstance(settings.store, ServerUrl):
        yield from databases.look(settings)
    else:
        yield from files.look(settings.store.path)
