"""`backstory client`: applications that may ask the built-in authorization server for tokens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from backstory.cli.accounts import SETTINGS, with_service
from backstory.cli.options import json_option, setting_options, settings_from
from backstory.clock import to_text
from backstory.domain.principals import DEFAULT_TENANT

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

    made, shown = with_service(settings_from(flags), added)
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
        click.echo(json.dumps([_view(client) for client in found], indent=2))
        return
    for client in found:
        about = (
            f"a machine with {', '.join(client.roles)} in tenant {client.tenant}"
            if client.machine
            else ", ".join(client.redirects)
        )
        click.echo(f"{client.id} ({client.name}): {about}")


@command.command("rotate")
@setting_options(*SETTINGS)
@click.argument("client_id", metavar="ID")
@json_option
def rotate(*, client_id: str, as_json: bool, **flags: Any) -> None:
    """Give a client another secret and print it; the last one is good no more."""
    secret = with_service(settings_from(flags), lambda service: service.clients.rotate(client_id))
    click.echo(json.dumps({"id": client_id, "secret": secret}) if as_json else secret)


@command.command("remove")
@setting_options(*SETTINGS)
@click.argument("client_id", metavar="ID")
@json_option
def remove(*, client_id: str, as_json: bool, **flags: Any) -> None:
    """Know a client no more, and refuse all tokens that it was given.

    ID may be the URL of a metadata document: then only what the client was given ends.
    """
    ended = with_service(settings_from(flags), lambda service: service.remove_client(client_id))
    if as_json:
        click.echo(json.dumps({"id": client_id, "ended": ended}))
    else:
        click.echo(f"{client_id} is gone; {ended} of its sign-ins and tokens have ended")


def _view(client: Client) -> dict[str, Any]:
    return {
        "id": client.id,
        "name": client.name,
        "machine": client.machine,
        "redirect_uris": list(client.redirects),
        "has_secret": client.secret is not None,
        "tenant": client.tenant or None,
        "roles": list(client.roles),
        "groups": list(client.groups),
        "created_at": to_text(client.created_at),
    }
