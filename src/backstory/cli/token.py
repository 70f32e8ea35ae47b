"""`backstory token`: tokens for machines and for trying things out, and the keys they need."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from backstory import limits
from backstory.cli.accounts import SETTINGS, with_service
from backstory.cli.acting import Place, tell, tell_beside, user
from backstory.cli.acting import client as a_client
from backstory.cli.options import (
    json_option,
    setting_options,
    settings_from,
    store_that_is_there,
)
from backstory.clock import SECOND, SystemClock, to_text
from backstory.config import Settings
from backstory.config.authority import own_issuer
from backstory.domain.principals import DEFAULT_TENANT
from backstory.errors import ConfigError
from backstory.ports.audits import NOBODY

if TYPE_CHECKING:
    from backstory.security.authority.service import Service
    from backstory.security.issuing import Grant

F = TypeVar("F", bound=Callable[..., Any])
_FILE: Final = "token-keys.json"
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_SPAN: Final = re.compile(r"([1-9][0-9]{0,8})([smhd])\Z")
_CLIENT: Final = "backstory-cli"
_STDIN: Final = "-"
_LATEST: Final = 2**40  # seconds that a store can keep

_the_keys = click.option(
    "--keys",
    "key_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"File with the private keys. [default: {_FILE} beside the store]",
)


def _span(ctx: click.Context, param: click.Parameter, value: str) -> int:
    found = _SPAN.match(value)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if 0 < seconds <= limits.TOKEN_LIFE_SECONDS:
        return seconds
    most = limits.TOKEN_LIFE_SECONDS // _UNITS["d"]
    raise click.BadParameter(f"must be a time such as 90s, 15m, 8h or {most}d at most", ctx, param)


@click.group("token")
def command() -> None:
    """Make, rotate and revoke access tokens of your own.

    They are believed by servers whose auth_jwks is the file that `backstory token keys` names,
    or, with auth_server, by those on the same store, whose own keys then sign unless --keys
    names a file. Each command takes --json, for scripts.
    """


@command.command("keys")
@setting_options(*SETTINGS)
@_the_keys
@click.option("--rotate", is_flag=True, help="Sign with a new key from now on.")
@click.option("--retire", metavar="KID", help="Believe no token of this key any more.")
@json_option
def keys(
    *, key_file: Path | None, rotate: bool, retire: str | None, as_json: bool, **flags: Any
) -> None:
    """Show the keys that sign tokens, made where there are none; the first one signs."""
    from backstory.security.issuing import SigningKeys

    settings = settings_from(flags)
    if _in_store(settings, key_file):
        _ring(settings, rotate=rotate, retire=retire, as_json=as_json)
        return
    found = SigningKeys.open(_path(settings, key_file))
    if rotate:
        found.rotate()
    if retire is not None:
        found.retire(retire)
    if rotate or retire is not None:
        tell_beside(settings, (NOBODY, ""))
    public = found.public_path.resolve()
    if as_json:
        click.echo(json.dumps({"keys": found.ids, "jwks": f"file:{public}"}))
        return
    click.echo("\n".join(found.ids))
    click.echo(f"BACKSTORY_AUTH_JWKS=file:{public}")


@command.command("create")
@setting_options(*SETTINGS, "auth_issuer", "auth_audience")
@_the_keys
@click.option("--subject", help="Who shows the token. [default: the client]")
@click.option("--client", help=f"Which client shows it. [default: {_CLIENT}]")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose contexts.")
@click.option(
    "--group", "groups", multiple=True, help="Of which group; given again, of another one."
)
@click.option(
    "--role", "roles", multiple=True, default=("member",), help="Given again, another one."
)
@click.option("--scope", help="Scopes with spaces between. [default: all that the roles grant]")
@click.option(
    "--for", "seconds", callback=_span, default="1h", show_default=True, help="How long it holds."
)
@json_option
def create(
    *,
    key_file: Path | None,
    subject: str | None,
    client: str | None,
    tenant: str,
    groups: tuple[str, ...],
    roles: tuple[str, ...],
    scope: str | None,
    seconds: int,
    as_json: bool,
    **flags: Any,
) -> None:
    """Make a token and print it.

    With --client alone it is that of a machine, whose own namespace is clients.CLIENT.
    """
    from backstory.config.authority import audiences
    from backstory.security.issuing import Grant, SigningKeys

    if subject is None and client is None:
        raise click.UsageError("a token is for a --subject or a --client")
    settings = settings_from(flags)
    in_store = _in_store(settings, key_file)
    issuer = "" if in_store else _issuer_of_file(settings)
    named = audiences(settings) if in_store else settings.auth_audience
    if not named:
        raise ConfigError("auth_audience is needed: what the server expects as aud of tokens")
    for name, text, most in (
        ("--client", client or _CLIENT, limits.SUBJECT_BYTES),
        ("--subject", subject or client or "", limits.SUBJECT_BYTES),
        ("--tenant", tenant, limits.TENANT_BYTES),
    ):
        if not (0 < len(text.encode()) <= most and text.isprintable()):
            raise click.BadParameter(
                f"must be printable text of 1 to {most} bytes", param_hint=name
            )
    grant = Grant(
        tenant,
        subject or client or "",
        client or _CLIENT,
        named[0],
        roles,
        scope,
        seconds,
        groups,
    )
    if in_store:
        made = with_service(
            settings,
            lambda service: service.issue(grant),
            lambda _: _acted(grant),
        )
    else:
        made = SigningKeys.open(_path(settings, key_file)).issue(issuer, grant, SystemClock().now())
        tell_beside(settings, _acted(grant))
    ends = to_text(made.expires_at * SECOND)
    if as_json:
        click.echo(json.dumps({"token": made.token, "id": made.id, "expires_at": ends}))
        return
    click.echo(made.token)
    click.echo(f"id {made.id}, until {ends}", err=True)


@command.command("revoke")
@setting_options(*SETTINGS, "auth_issuer")
@click.argument("token")
@json_option
def revoke(*, token: str, as_json: bool, **flags: Any) -> None:
    """Refuse a token from now on, on every node; TOKEN is the token, its id, or - for stdin."""
    settings = store_that_is_there(settings_from(flags))
    text = sys.stdin.read().strip() if token == _STDIN else token.strip()
    issuer, made_id, until = _named(text, settings)
    asyncio.run(_revoke(settings, issuer, made_id, until))
    if as_json:
        click.echo(json.dumps({"revoked": made_id}))
    else:
        click.echo(f"{made_id} is refused from now on")


async def _revoke(settings: Settings, issuer: str, made_id: str, until: int) -> None:
    from backstory.security.claims import token_name
    from backstory.security.revoking import revoke as revoke_name
    from backstory.wiring import open_contexts

    async with open_contexts(settings, sweep=False) as contexts:
        name = token_name(issuer, made_id)
        await revoke_name(contexts.store, contexts.clock, name, until)
        await tell(contexts, settings, (NOBODY, ""), token=name)


def _named(text: str, settings: Settings) -> tuple[str, str, int]:
    """Issuer and id of what shall be revoked, and when it would end.

    An id alone does not tell its end: it is kept for as long as any token of ours can hold.
    """
    if text.count(".") != 2:
        if not text or not text.isprintable() or " " in text:
            raise click.BadParameter("is neither a token nor the id of one", param_hint="TOKEN")
        latest = SystemClock().now() + limits.TOKEN_LIFE_SECONDS * SECOND
        return _issuer(settings), text, latest
    import jwt

    try:
        claims = jwt.decode(text, options={"verify_signature": False})
        end = (min(int(claims["exp"]), _LATEST) + limits.TOKEN_LEEWAY_SECONDS) * SECOND
        return str(claims["iss"]), str(claims["jti"]), end
    except (jwt.PyJWTError, KeyError, ValueError, TypeError, OverflowError):
        raise click.BadParameter("has no iss, jti and exp", param_hint="TOKEN") from None


def _acted(grant: Grant) -> Place:
    of = a_client if grant.subject == grant.client else user
    return of(grant.tenant, grant.subject)


def _in_store(settings: Settings, key_file: Path | None) -> bool:
    """Whether the built-in server's keys sign: where it is on, unless a file is named."""
    return settings.auth_server and key_file is None


def _ring(settings: Settings, *, rotate: bool, retire: str | None, as_json: bool) -> None:
    async def changed(service: Service) -> list[str]:
        ring = await service.signing.ring()
        if rotate:
            ring = await service.signing.rotate()
        if retire is not None:
            ring = await service.signing.retire(retire)
        return [key.kid for key in ring.keys]

    def told(_: list[str]) -> Place:
        return NOBODY, ""

    changes = rotate or retire is not None
    kids = with_service(settings, changed, told if changes else None)
    jwks = f"{own_issuer(settings).rstrip('/')}/jwks"
    if as_json:
        click.echo(json.dumps({"keys": kids, "jwks": jwks}))
        return
    click.echo("\n".join(kids))
    click.echo(f"in the store; servers show the public ones at {jwks}", err=True)


def _issuer(settings: Settings) -> str:
    return own_issuer(settings) if settings.auth_server else _issuer_of_file(settings)


def _issuer_of_file(settings: Settings) -> str:
    if settings.auth_issuer is None:
        raise ConfigError("auth_issuer is needed: what tokens name as their issuer, as the server")
    return settings.auth_issuer


def _path(settings: Settings, given: Path | None) -> Path:
    return given or settings.store.folder / _FILE
