"""`backstory client`: applications that may ask the built-in authorization server for tokens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from backstory.cli.accounts import SETTINGS, with_service
from backstory.cli.acting import Place, client
from backstory.cli.options import json_option, setting_options, settings_from
from backstory.clock import to_text
from backstory.domain.principals import DEFAULT_TENANT
from backstory.ports.audits import NOBODY

if TYPE_CHECKING:
    from backstory.security.authority.records import Client
    from backstory.security.authority.service import Service


@click.group("client")
def command() -> None:
    """Applications and machines that may ask the built-in server for tokens.

    Clients that name a metadata document of their own (https) need not be added. Each command
    takes --json, for scripts.
    """


@command.command("add")
@setting_options(*SETTINGS)
@click.argument("client_id", metavar="ID")
@click.option("--name", default="", help="What people see when they sign in. [default: the ID]")
@click.option(
    "--redirect-uri",
    "uris",
    multiple=True,
    metavar="URI",
    help="Where people are sent back to; given again, another one. Without it: a machine.",
)
@click.option("--secret", is_flag=True, help="Give an application with redirect URIs a secret.")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Of a machine.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    default=("member",),
    help="Of a machine; given again, another one.",
)
@click.option("--group", "groups", multiple=True, help="Of a machine; given again, another one.")
@json_option
def add(
    *,
    client_id: str,
    name: str,
    uris: tuple[str, ...],
    secret: bool,
    tenant: str,
    roles: tuple[str, ...],
    groups: tuple[str, ...],
    as_json: bool,
    **flags: Any,
) -> None:
    """Register an application (with --redirect-uri) or a machine, and print its secret once."""

    async def added(service: Service) -> tuple[Client, str | None]:
        if uris:
            return await service.clients.add_application(client_id, name, uris, secret=secret)
        return await service.clients.add_machine(client_id, name, tenant, roles, groups)

    made, shown = with_service(settings_from(flags), added, lambda done: _acted(done[0]))
    if as_json:
        click.echo(json.dumps(_view(made) | {"secret": shown}))
        return
    if shown is not None:
        click.echo(shown)
    click.echo(f"{made.id} is registered", err=shown is not None)


@command.command("list")
@setting_options(*SETTINGS)
@json_option
def list_(*, as_json: bool, **flags: Any) -> None:
    """Show all registered clients."""
    found = with_service(settings_from(flags), lambda service: service.clients.all())
    if as_json:
        click.echo(json.dumps([_view(each) for each in found], indent=2))
        return
    for each in found:
        about = (
            f"a machine with {', '.join(each.roles)} in tenant {each.tenant}"
            if each.machine
            else ", ".join(each.redirects)
        )
        click.echo(f"{each.id} ({each.name}): {about}")


@command.command("rotate")
@setting_options(*SETTINGS)
@click.argument("client_id", metavar="ID")
@json_option
def rotate(*, client_id: str, as_json: bool, **flags: Any) -> None:
    """Give a client another secret and print it; the last one is good no more."""

    async def rotated(service: Service) -> tuple[str, Place]:
        secret = await service.clients.rotate(client_id)
        found = await service.clients.find(client_id)
        return secret, client(NOBODY if found is None else found.tenant, client_id)

    secret, _ = with_service(settings_from(flags), rotated, lambda done: done[1])
    click.echo(json.dumps({"id": client_id, "secret": secret}) if as_json else secret)


@command.command("remove")
@setting_options(*SETTINGS)
@click.argument("client_id", metavar="ID")
@json_option
def remove(*, client_id: str, as_json: bool, **flags: Any) -> None:
    """Know a client no more, and refuse all tokens that it was given.

    ID may be the URL of a metadata document: then only what the client was given ends.
    """

    async def removed(service: Service) -> tuple[int, Place]:
        found = await service.clients.find(client_id)
        ended = await service.remove_client(client_id)
        return ended, client(NOBODY if found is None else found.tenant, client_id)

    ended, _ = with_service(settings_from(flags), removed, lambda done: done[1])
    if as_json:
        click.echo(json.dumps({"id": client_id, "ended": ended}))
    else:
        click.echo(f"{client_id} is gone; {ended} of its sign-ins and tokens have ended")


def _acted(made: Client) -> Place:
    """An application is of no tenant."""
    return client(made.tenant, made.id)


def _view(shown: Client) -> dict[str, Any]:
    return {
        "id": shown.id,
        "name": shown.name,
        "machine": shown.machine,
        "redirect_uris": list(shown.redirects),
        "has_secret": shown.secret is not None,
        "tenant": shown.tenant or None,
        "roles": list(shown.roles),
        "groups": list(shown.groups),
        "created_at": to_text(shown.created_at),
    }
