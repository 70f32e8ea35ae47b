"""`backstory user`: accounts of the built-in authorization server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backstory.cli.accounts import SETTINGS, password_from, password_option, with_service
from backstory.cli.acting import Place, user
from backstory.cli.options import json_option, setting_options, settings_from
from backstory.clock import to_text
from backstory.domain.principals import DEFAULT_TENANT
from backstory.ports.audits import NOBODY

if TYPE_CHECKING:
    from backstory.security.authority.records import Account
    from backstory.security.authority.service import Service

_roles = click.option(
    "--role", "roles", multiple=True, default=("member",), help="Given again, another one."
)

_groups = click.option(
    "--group", "groups", multiple=True, help="Of which group; given again, of another one."
)


@click.group("user")
def command() -> None:
    """Accounts of people who sign in at the built-in authorization server.

    What is changed holds on every node within a second. Each command takes --json, for scripts.
    """


@command.command("add")
@setting_options(*SETTINGS)
@click.argument("name")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose contexts.")
@_roles
@_groups
@password_option
@json_option
def add(
    *,
    name: str,
    tenant: str,
    roles: tuple[str, ...],
    groups: tuple[str, ...],
    password_file: Path | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Make an account; NAME is what its owner signs in with, and the subject of tokens."""
    settings = settings_from(flags)
    password = password_from(password_file)
    made = with_service(
        settings,
        lambda service: service.accounts.add(name, tenant, roles, password, groups),
        _acted,
    )
    _tell(made, "may sign in", as_json=as_json)


@command.command("list")
@setting_options(*SETTINGS)
@json_option
def list_(*, as_json: bool, **flags: Any) -> None:
    """Show all accounts."""
    found = with_service(settings_from(flags), lambda service: service.accounts.all())
    if as_json:
        click.echo(json.dumps([_view(account) for account in found], indent=2))
        return
    for account in found:
        state = " (disabled)" if account.disabled else ""
        roles = ", ".join(account.roles)
        click.echo(f"{account.name}: {roles} in tenant {account.tenant}{state}")


@command.command("passwd")
@setting_options(*SETTINGS)
@click.argument("name")
@password_option
@json_option
def passwd(*, name: str, password_file: Path | None, as_json: bool, **flags: Any) -> None:
    """Set another password; everything that was signed in with the last one is signed out."""
    settings = settings_from(flags)
    password = password_from(password_file)
    changed = with_service(settings, lambda service: service.set_password(name, password), _acted)
    _tell(changed, "has another password", as_json=as_json)


@command.command("roles")
@setting_options(*SETTINGS)
@click.argument("name")
@_roles
@_groups
@json_option
def roles_(
    *, name: str, roles: tuple[str, ...], groups: tuple[str, ...], as_json: bool, **flags: Any
) -> None:
    """Set other roles, and groups where some are given.

    Tokens with the last ones are refused from now on, and clients renew them.
    """
    changed = with_service(
        settings_from(flags),
        lambda service: service.set_roles(name, roles, groups or None),
        _acted,
    )
    _tell(changed, f"has the roles {', '.join(changed.roles)}", as_json=as_json)


@command.command("disable")
@setting_options(*SETTINGS)
@click.argument("name")
@json_option
def disable(*, name: str, as_json: bool, **flags: Any) -> None:
    """Let nobody sign in with an account, and refuse the tokens that it has."""
    changed = with_service(
        settings_from(flags),
        lambda service: service.set_disabled(name, disabled=True),
        _acted,
    )
    _tell(changed, "may not sign in any more", as_json=as_json)


@command.command("enable")
@setting_options(*SETTINGS)
@click.argument("name")
@json_option
def enable(*, name: str, as_json: bool, **flags: Any) -> None:
    """Let its owner sign in with a disabled account again."""
    changed = with_service(
        settings_from(flags),
        lambda service: service.set_disabled(name, disabled=False),
        _acted,
    )
    _tell(changed, "may sign in again", as_json=as_json)


@command.command("remove")
@setting_options(*SETTINGS)
@click.argument("name")
@json_option
def remove(*, name: str, as_json: bool, **flags: Any) -> None:
    """Know an account no more, and refuse the tokens that it has; its contexts stay."""

    async def removed(service: Service) -> Place:
        account = await service.accounts.find(name)
        await service.remove_account(name)
        return user(account.tenant if account is not None else NOBODY, name)

    with_service(settings_from(flags), removed, lambda place: place)
    click.echo(json.dumps({"name": name}) if as_json else f"{name} is gone; contexts stay")


def _acted(account: Account) -> Place:
    return user(account.tenant, account.name)


def _tell(account: Account, what: str, *, as_json: bool) -> None:
    click.echo(json.dumps(_view(account)) if as_json else f"{account.name} {what}")


def _view(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "tenant": account.tenant,
        "roles": list(account.roles),
        "groups": list(account.groups),
        "disabled": account.disabled,
        "created_at": to_text(account.created_at),
    }
