"""`backstory certificate`: a certificate from an authority, renewed in time."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any, Final

import click

from backstory.cli.options import json_option, setting_options, settings_from
from backstory.errors import ConfigError

_LETS_ENCRYPT: Final = "https://acme-v02.api.letsencrypt.org/directory"
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("certificate")
def command() -> None:
    """Have a certificate from an authority by itself (ACME), and renew it in time.

    The command takes --json, for scripts.
    """


@command.command("renew")
@click.option("--domain", "domains", multiple=True, required=True, help="Given again, another one.")
@click.option(
    "--directory",
    metavar="URL",
    default=_LETS_ENCRYPT,
    show_default=True,
    help="Where the authority's directory is.",
)
@click.option("--email", help="Whom the authority may write to.")
@click.option("--agree", is_flag=True, help="Agree to the authority's terms.")
@click.option(
    "--account",
    type=_FILE,
    help="File with the account's key. [default: acme-account.json beside the certificate]",
)
@click.option(
    "--webroot",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder that a web server shows on port 80.",
)
@click.option("--http-host", default="", help="Address to answer challenges on. [default: all]")
@click.option(
    "--http-port",
    type=click.IntRange(1, 65535),
    default=80,
    show_default=True,
    help="Port to answer challenges on, without --webroot.",
)
@click.option("--ca", type=_FILE, help="PEM file with authorities that signed the directory's own.")
@click.option("--force", is_flag=True, help="Renew it though it is not time.")
@setting_options("tls_certificate", "tls_key")
@json_option
def renew(
    *,
    domains: tuple[str, ...],
    directory: str,
    account: Path | None,
    force: bool,
    as_json: bool,
    **more: Any,
) -> None:
    """Renew the certificate if it is time, or get the first one.

    It is time when a third of its life is left, or when the authority says so. A running server
    shows the new one to whoever connects next; nothing has to be restarted. Run it twice a day.
    """
    from backstory.security.acme.renewing import renew as renewed
    from backstory.security.acme.wanted import Wanted

    flags = {name: more.pop(name) for name in ("config", "tls_certificate", "tls_key")}
    settings = settings_from(flags)
    certificate = settings.tls_certificate
    if certificate is None:
        raise ConfigError("tls_certificate is needed: the file to put the certificate in")
    wanted = Wanted(
        directory,
        domains,
        certificate,
        settings.tls_key,
        account or certificate.with_name("acme-account.json"),
        email=more["email"],
        agreed=more["agree"],
        webroot=more["webroot"],
        http_host=more["http_host"],
        http_port=more["http_port"],
        trusted=more["ca"],
    )
    found, why = renewed(wanted, dt.datetime.now(dt.UTC), force=force)
    if as_json:
        click.echo(json.dumps({"renewed": why is not None, "reason": why, **found.told()}))
        return
    ends = found.told()["ends"]
    state = "stays" if why is None else f"is new ({why})"
    click.echo(f"the certificate for {', '.join(found.names)} {state}, until {ends}")
    sys.stdout.flush()
