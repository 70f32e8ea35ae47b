"""`backstory quota`: what tenants keep in a store, and may keep. For who runs the store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from backstory import limits
from backstory.cli.acting import Place, operator, tell
from backstory.cli.options import (
    json_option,
    setting_options,
    settings_from,
    store_that_is_there,
)
from backstory.contexts.service import Contexts
from backstory.contexts.views import View
from backstory.domain.quotas import Quota
from backstory.wiring import open_contexts

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
_MOST = click.IntRange(0, limits.QUOTA_MAX)


def _on_store(function: F) -> F:
    return json_option(
        setting_options("store", "routes", "quota_contexts", "quota_bytes")(function)
    )


_the_tenant = click.argument("tenant")


@click.group("quota")
def command() -> None:
    """Show what tenants keep, and bound it.

    On the store itself, beside whatever server runs on it; a server obeys within a second. Each
    command takes --json, for scripts.
    """


@command.command("list")
@_on_store
def list_quotas(*, as_json: bool, **flags: Any) -> None:
    """Show what each tenant keeps and may keep."""

    async def read(contexts: Contexts) -> list[View]:
        found: list[View] = []
        names = await contexts.store.tenants()
        while names:
            found += [{"tenant": each} | await contexts.quotas.view(each) for each in names]
            names = await contexts.store.tenants(names[-1])
        return found

    found = _run(flags, read)
    if as_json:
        click.echo(json.dumps({"items": found}, indent=2))
        return
    for view in found:
        click.echo(f"{view['tenant']:<20} {_told(view)}")


@command.command("get")
@_on_store
@_the_tenant
def get(*, tenant: str, as_json: bool, **flags: Any) -> None:
    """Show what TENANT keeps and may keep."""
    view = _run(flags, lambda contexts: contexts.quotas.view(tenant))
    click.echo(json.dumps(view, indent=2) if as_json else _told(view))


@command.command("set")
@_on_store
@_the_tenant
@click.option("--contexts", type=_MOST, help="Contexts that it may keep; without it, any number.")
@click.option(
    "--bytes", "bytes_", type=_MOST, help="Bytes that it may keep; without it, any number."
)
def set_quota(
    *, tenant: str, contexts: int | None, bytes_: int | None, as_json: bool, **flags: Any
) -> None:
    """Bound what TENANT may keep, whatever the settings say."""
    _allot(tenant, Quota(contexts, bytes_), flags, as_json=as_json)


@command.command("clear")
@_on_store
@_the_tenant
def clear(*, tenant: str, as_json: bool, **flags: Any) -> None:
    """Let TENANT keep what the settings say."""
    _allot(tenant, None, flags, as_json=as_json)


@command.command("recount")
@_on_store
@_the_tenant
def recount(*, tenant: str, as_json: bool, **flags: Any) -> None:
    """Count anew what TENANT keeps, as after releases that did not count."""

    async def count(contexts: Contexts) -> View:
        await contexts.store.recount(tenant)
        return await contexts.quotas.view(tenant)

    view = _run(flags, count, (tenant, ""))
    click.echo(json.dumps(view, indent=2) if as_json else _told(view))


def _allot(tenant: str, quota: Quota | None, flags: dict[str, Any], *, as_json: bool) -> None:
    async def write(contexts: Contexts) -> View:
        await contexts.allotting.allot(operator(tenant), quota)
        return await contexts.quotas.view(tenant)

    view = _run(flags, write)
    click.echo(json.dumps(view, indent=2) if as_json else _told(view))


def _run(
    flags: dict[str, Any], work: Callable[[Contexts], Awaitable[T]], told: Place | None = None
) -> T:
    """`told` is what the audit trail hears of, beside what is in the change log."""

    async def opened() -> T:
        settings = store_that_is_there(settings_from(flags))
        async with open_contexts(settings, sweep=False) as contexts:
            done = await work(contexts)
            if told is not None:
                await tell(contexts, settings, told)
            return done

    return asyncio.run(opened())


def _told(view: View) -> str:
    return ", ".join(
        f"{_of(view[name], view['quota'][name])} {name}" for name in ("contexts", "bytes")
    )


def _of(used: int, quota: int | None) -> str:
    return f"{used:,}" if quota is None else f"{used:,} of {quota:,}"
