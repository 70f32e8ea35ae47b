"""`backstory binding`: who has which roles, in a store or on a running server."""

from __future__ import annotations

import json
from typing import Any

import click

from backstory.cli.rights import BINDINGS, bindee, opened, place_options, shown
from backstory.domain.bindings import FAMILIES

_the_family = click.argument("family", type=click.Choice(FAMILIES))
_the_name = click.argument("name")


@click.group("binding")
def command() -> None:
    """List, read, make and delete bindings of roles to subjects, groups and clients.

    With --url on a running server, else in the store. Each command takes --json, for scripts.
    """


@command.command("list")
@place_options
def list_bindings(*, as_json: bool, **where: Any) -> None:
    """Show who has which roles beside those of its token."""
    found = opened(BINDINGS, where).list()
    if as_json:
        click.echo(json.dumps({"items": found}, indent=2, ensure_ascii=False))
        return
    for view in found:
        roles = (
            ", ".join(view["roles"]) if view["readable"] else "cannot be read; denies everything"
        )
        click.echo(f"{view['family']}/{view['name']:<30} {roles}")


@command.command("get")
@place_options
@_the_family
@_the_name
def get(*, family: str, name: str, as_json: bool, **where: Any) -> None:
    """Print the roles that are bound to NAME."""
    view = opened(BINDINGS, where).get(bindee(family, name))
    shown(view, "\n".join(view["roles"]), as_json=as_json)


@command.command("put")
@place_options
@_the_family
@_the_name
@click.argument("roles", nargs=-1, required=True)
def put(*, family: str, name: str, roles: tuple[str, ...], as_json: bool, **where: Any) -> None:
    """Bind ROLES to NAME, in place of those bound before."""
    bound = opened(BINDINGS, where, makes=True).put(bindee(family, name), {"roles": list(roles)})
    told = f"{family}/{name} has {', '.join(bound['roles'])}, on every node within a second"
    shown(bound, told, as_json=as_json)


@command.command("delete")
@place_options
@_the_family
@_the_name
def delete(*, family: str, name: str, as_json: bool, **where: Any) -> None:
    """Take away all that is bound to NAME."""
    opened(BINDINGS, where).delete(bindee(family, name))
    shown({"deleted": f"{family}/{name}"}, f"nothing is bound to {family}/{name}", as_json=as_json)
