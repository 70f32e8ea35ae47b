"""What is done by command, and who does it: told to the audit trail like what is asked of a server."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import click

from backstory.config import Settings, StoreUrl
from backstory.domain.principals import DEFAULT_TENANT, LOCAL_ADMIN, Principal, segment_of
from backstory.errors import BackstoryError

if TYPE_CHECKING:
    from backstory.contexts.service import Contexts

T = TypeVar("T")
Place = tuple[str, str]
"""A tenant, and what in it was acted on: a subject's namespace, or nothing."""


def operator(tenant: str = DEFAULT_TENANT) -> Principal:
    """Whoever runs the command, as an administrator of a tenant."""
    return replace(LOCAL_ADMIN, tenant=tenant, subject=f"command line ({_user()})")


def _user() -> str:
    """As the system says it, whatever the environment does."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def user(tenant: str, name: str) -> Place:
    return tenant, f"users.{segment_of(name)}"


def client(tenant: str, name: str) -> Place:
    return tenant, f"clients.{segment_of(name)}"


async def tell(contexts: Contexts, settings: Settings, place: Place, **more: object) -> None:
    """The command that is being run has done what it is for."""
    if contexts.audits is None or settings.audit == "off":
        return
    from backstory.security.auditing.sealing import Auditor

    tenant, on = place
    auditor = Auditor(contexts.audits, contexts.store.secret, contexts.clock)
    words = click.get_current_context().command_path.split()[1:]
    at, event = auditor.act(operator(tenant), " ".join(words), on, **more)
    await contexts.audits.keep_act(tenant, at, event)


def tell_alone(settings: Settings, place: Place) -> None:
    """The same for commands that have not opened the store as a server does."""
    if settings.audit == "off":
        return
    from backstory.wiring import open_contexts

    async def opened() -> None:
        async with open_contexts(settings, sweep=False) as contexts:
            await tell(contexts, settings, place)

    asyncio.run(opened())


def tell_beside(settings: Settings, place: Place) -> None:
    """The same for what needs no store: one that is there is told, as far as it can be opened."""
    if isinstance(settings.store, StoreUrl) and not settings.store.path.exists():
        return
    try:
        tell_alone(settings, place)
    except BackstoryError as error:
        click.echo(f"the audit trail could not be told: {error.detail}", err=True)


Told = Callable[[T], Place]
"""What was acted on, of what the work returned."""
