"""`backstory role`: roles of a tenant's own, in a store or on a running server."""

from __future__ import annotations

import json
from typing import Any, Final

import click

from backstory.cli.kinds import read_body
from backstory.cli.rights import ROLES, View, opened, place_options, shown

_WRITTEN: Final = ("description", "allow", "deny")
_the_role = click.argument("role")


@click.group("role")
def command() -> None:
    """List, read, make and delete roles: what they allow and deny, and where.

    With --url on a running server, else in the store. Each command takes --json, for scripts.
    """


@command.command("list")
@place_options
def list_roles(*, as_json: bool, **where: Any) -> None:
    """Show the roles there are, built in or made."""
    found = opened(ROLES, where).list()
    if as_json:
        click.echo(json.dumps({"items": found}, indent=2, ensure_ascii=False))
        return
    for view in found:
        click.echo(f"{view['role']:<20} {_about(view)}".rstrip())


def _about(view: View) -> str:
    if not view["readable"]:
        return "cannot be read, and denies everything; put it anew"
    mark = "  (built in)" if view["built_in"] else ""
    return f"{view['description']}{mark}"


@command.command("get")
@place_options
@_the_role
def get(*, role: str, as_json: bool, **where: Any) -> None:
    """Print what ROLE allows and denies, in the form that `put` takes."""
    view = opened(ROLES, where).get(role)
    plain = {name: view[name] for name in _WRITTEN}
    click.echo(json.dumps(view if as_json else plain, indent=2, ensure_ascii=False))


@command.command("put")
@place_options
@_the_role
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
def put(*, role: str, file: str, as_json: bool, **where: Any) -> None:
    """Make ROLE, or another one of it: FILE is JSON or YAML with `allow`, `deny` or both.

    - reads standard input.
    """
    body = read_body(file)
    view = opened(ROLES, where, makes=True).put(role, body)
    told = f"{role} stands at version {view['version']}, on every node within a second"
    shown(view, told, as_json=as_json)


@command.command("delete")
@place_options
@_the_role
def delete(*, role: str, as_json: bool, **where: Any) -> None:
    """Delete ROLE: whoever is bound to it has nothing of it any more, denials included."""
    opened(ROLES, where).delete(role)
    shown({"deleted": role}, f"{role} is deleted", as_json=as_json)
