"""`backstory keys`: the keys of an encrypted store."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import click

from backstory.cli.acting import tell_alone
from backstory.cli.options import json_option, setting_options, settings_from, store_that_is_there
from backstory.ports.audits import NOBODY


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


@command.command("encrypt")
@setting_options("store", "search", "master_key", "keys")
@click.option("--new-keys", is_flag=True, help="Make a new key for everybody first.")
@json_option
def encrypt(*, new_keys: bool, as_json: bool, **flags: Any) -> None:
    """Bring all rows under the keys that write now.

    After encryption was turned on, that encrypts what was stored before; with --new-keys it
    replaces the keys of all tenants, users and clients. It works beside running servers, a few rows
    at a time, and goes on where it was interrupted. Old keys are kept, for old backups.
    """
    from backstory.wiring import encrypt_rows

    def told(tenant: str, rows: int) -> None:
        if not as_json and sys.stderr.isatty():
            click.echo(f"\r{tenant}: {rows:,} rows", nl=False, err=True)

    settings = store_that_is_there(settings_from(flags))
    rows = asyncio.run(encrypt_rows(settings, told, renew=new_keys))
    tell_alone(settings, (NOBODY, ""))
    _say(as_json, f"{rows:,} rows encrypted", rows=rows)


@command.command("rewrap")
@setting_options("store", "search", "master_key", "keys")
@json_option
def rewrap(*, as_json: bool, **flags: Any) -> None:
    """Have the first of the master keys wrap all keys.

    To replace a master key, name the new one before the old one, restart the servers, run this, and
    take the old one away.
    """
    from backstory.wiring import rewrap_keys

    settings = store_that_is_there(settings_from(flags))
    keys = asyncio.run(rewrap_keys(settings))
    tell_alone(settings, (NOBODY, ""))
    _say(as_json, f"{keys:,} keys wrapped", keys=keys)


@command.command("backup")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@setting_options("store", "keys")
@json_option
def backup(*, file: Path, as_json: bool, **flags: Any) -> None:
    """Copy the keys and the list of erasures to FILE, which must not be there yet.

    Keep it apart from backups of the store, and not longer than you have to: it opens, with the master
    key, what was erased since.
    """
    from backstory.wiring import back_up_keys

    back_up_keys(settings_from(flags), file)
    _say(as_json, f"{file}: keys and list of erasures", file=str(file))


@command.command("status")
@setting_options("store", "search", "master_key", "keys")
@json_option
def status(*, as_json: bool, **flags: Any) -> None:
    """Tell which master keys are needed, how many keys there are, and whether all is encrypted.

    Also how far running servers have come with rotating them.
    """
    from backstory.clock import to_text
    from backstory.wiring import look_at_keys

    found, report = asyncio.run(look_at_keys(store_that_is_there(settings_from(flags))))
    whole = (
        "all rows" if found.complete else "not all rows; servers and `backstory keys encrypt` go on"
    )
    said = f"{found.keys:,} keys, {found.retired:,} of them old, under {', '.join(found.masters)}"
    if report.begun:
        whole += (
            f"\nservers rotate them since {to_text(report.begun)}: "
            f"{report.keys:,} keys replaced, {report.rows:,} rows encrypted so far"
        )
    _say(
        as_json,
        f"{said}\nencrypted: {whole}",
        masters=list(found.masters),
        keys=found.keys,
        retired=found.retired,
        complete=found.complete,
        rotating=report.begun > 0,
    )


def _say(as_json: bool, text: str, **members: Any) -> None:
    click.echo(json.dumps(members, indent=2) if as_json else text)
