"""`backstory keys`: the keys of an encrypted store."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backstory.cli.acting import tell_alone, tell_beside
from backstory.cli.options import json_option, setting_options, settings_from
from backstory.cli.routing import Kept, one_store, route_option, stores
from backstory.ports.audits import NOBODY

if TYPE_CHECKING:
    from backstory.contexts.rotation_note import Report
    from backstory.storage.tables.rotating import KeysFound

Said = tuple[str, dict[str, Any]]
"""What was done, for people and for scripts."""


@click.group("keys")
def command() -> None:
    """Make the master key of an encrypted store, and see to its keys.

    Each command takes --json, for scripts.
    """


@command.command("make")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@setting_options("store")
@json_option
def make(path: Path, *, as_json: bool, **flags: Any) -> None:
    """Make a master key in a new file that only you can read.

    Whoever loses it loses all that it encrypts. Keep a copy apart from the store and its backups.
    Where there is a store already that can be opened, its audit trail is told.
    """
    from backstory.encryption.masters import FileMaster, make_file

    make_file(path)
    name = FileMaster.read(path).name
    setting = f"file:{path.resolve()}"
    if as_json:
        click.echo(json.dumps({"name": name, "master_key": setting}, indent=2))
    else:
        click.echo(f"BACKSTORY_MASTER_KEY={setting}")
    # Whoever makes a key does not encrypt with it yet.
    tell_beside(replace(settings_from(flags), master_key=()), (NOBODY, ""))


@command.command("encrypt")
@setting_options("store", "routes", "search", "master_key", "keys")
@route_option
@click.option("--new-keys", is_flag=True, help="Make a new key for everybody first.")
@json_option
def encrypt(*, new_keys: bool, route: str | None, as_json: bool, **flags: Any) -> None:
    """Bring all rows under the keys that write now.

    After encryption was turned on, that encrypts what was stored before; with --new-keys it
    replaces the keys of all tenants, users and clients. It works beside running servers, a few rows
    at a time, and goes on where it was interrupted. Old keys are kept, for old backups.
    """
    from backstory.wiring import encrypt_rows

    def told(tenant: str, rows: int) -> None:
        if not as_json and sys.stderr.isatty():
            click.echo(f"\r{tenant}: {rows:,} rows", nl=False, err=True)

    def one(kept: Kept) -> Said:
        rows = asyncio.run(encrypt_rows(kept.settings, told, renew=new_keys))
        tell_alone(kept.settings, (NOBODY, ""))
        return f"{rows:,} rows encrypted", {"rows": rows}

    _each(flags, route, one, as_json=as_json)


@command.command("rewrap")
@setting_options("store", "routes", "search", "master_key", "keys")
@route_option
@json_option
def rewrap(*, route: str | None, as_json: bool, **flags: Any) -> None:
    """Have the first of the master keys wrap all keys.

    To replace a master key, name the new one before the old one, restart the servers, run this, and
    take the old one away.
    """
    from backstory.wiring import rewrap_keys

    def one(kept: Kept) -> Said:
        keys = asyncio.run(rewrap_keys(kept.settings))
        tell_alone(kept.settings, (NOBODY, ""))
        return f"{keys:,} keys wrapped", {"keys": keys}

    _each(flags, route, one, as_json=as_json)


@command.command("backup")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@setting_options("store", "routes", "keys")
@route_option
@json_option
def backup(*, file: Path, route: str | None, as_json: bool, **flags: Any) -> None:
    """Copy keys, the list of erasures and revoked tokens to FILE, which must not be there yet.

    Keep it apart from backups of the store, and not longer than you have to: it opens, with the master
    key, what was erased since. Where routes name more stores, each has its own: --route says whose.
    """
    from backstory.wiring import back_up_keys

    settings = one_store(settings_from(flags), route, made=True)
    back_up_keys(settings, file)
    tell_beside(settings, (NOBODY, ""))
    _say(as_json, f"{file}: keys and list of erasures", file=str(file))


@command.command("status")
@setting_options("store", "routes", "search", "master_key", "keys")
@route_option
@json_option
def status(*, route: str | None, as_json: bool, **flags: Any) -> None:
    """Tell which master keys are needed, how many keys there are, and whether all is encrypted.

    Also how far running servers have come with rotating them.
    """
    from backstory.wiring import look_at_keys

    def one(kept: Kept) -> Said:
        return _told(*asyncio.run(look_at_keys(kept.settings)))

    _each(flags, route, one, as_json=as_json)


def _told(found: KeysFound, report: Report) -> Said:
    whole = (
        "all rows" if found.complete else "not all rows; servers and `backstory keys encrypt` go on"
    )
    said = f"{found.keys:,} keys, {found.retired:,} of them old, under {', '.join(found.masters)}"
    if report.begun:
        from backstory.clock import to_text

        whole += (
            f"\nservers rotate them since {to_text(report.begun)}: "
            f"{report.keys:,} keys replaced, {report.rows:,} rows encrypted so far"
        )
    return f"{said}\nencrypted: {whole}", {
        "masters": list(found.masters),
        "keys": found.keys,
        "retired": found.retired,
        "complete": found.complete,
        "rotating": report.begun > 0,
    }


def _each(
    flags: dict[str, Any], route: str | None, work: Callable[[Kept], Said], *, as_json: bool
) -> None:
    """Do it to each store, and say what was done."""
    every = stores(settings_from(flags), route)
    views: list[dict[str, Any]] = []
    for kept in every:
        with kept.told():
            text, members = work(kept)
        views.append(({"route": kept.name} if kept.name else {}) | members)
        for line in text.split("\n") if not as_json else ():
            click.echo(line if len(every) == 1 else f"{kept.called}: {line}")
    if as_json:
        first, *others = views
        click.echo(json.dumps(first | ({"routed": others} if others else {}), indent=2))


def _say(as_json: bool, text: str, **members: Any) -> None:
    click.echo(json.dumps(members, indent=2) if as_json else text)
