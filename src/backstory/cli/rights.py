"""Roles and bindings as the command line sees them: in a store, or on a running server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

import click

from backstory import limits
from backstory.cli import remote
from backstory.cli.acting import operator
from backstory.cli.options import (
    json_option,
    setting_options,
    settings_from,
    store_that_is_there,
)
from backstory.config import Settings
from backstory.contexts.roles import KeptPage
from backstory.contexts.service import Contexts
from backstory.domain import bindings, roles
from backstory.domain.bindings import Bindee
from backstory.domain.commits import ALWAYS, Outcome
from backstory.domain.keys import ContextKey
from backstory.domain.principals import DEFAULT_TENANT
from backstory.wiring import open_contexts

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
View = Mapping[str, Any]
Name = str | Bindee
"""A role by its name, or whom a binding binds."""

ROLES: Final = "roles"
BINDINGS: Final = "bindings"


class Kept(Protocol):
    """Roles or bindings, as REST shows them. Each method raises what the server would answer."""

    def list(self) -> list[View]: ...

    def get(self, name: Name) -> View: ...

    def put(self, name: Name, body: Any) -> View: ...

    def delete(self, name: Name) -> None: ...


class OnServer:
    """Those of a server, over HTTP; its token says of which tenant."""

    def __init__(self, what: str, url: str, token_file: str | None) -> None:
        self._what, self._url, self._token_file = what, url, token_file

    def _path(self, name: Name) -> str:
        if isinstance(name, str):
            return f"/v1/{self._what}/{quote(name, safe='')}"
        return f"/v1/{self._what}/{name.family}/{quote(name.name, safe='')}"

    def list(self) -> list[View]:
        found: list[View] = []
        asked: dict[str, Any] = {"limit": limits.PAGE_MAX}
        with remote.client(self._url, self._token_file) as http:
            while True:
                page = remote.told(http.get(f"/v1/{self._what}", params=asked))
                found += page["items"]
                if page["next"] is None:
                    return found
                asked["cursor"] = page["next"]

    def get(self, name: Name) -> View:
        with remote.client(self._url, self._token_file) as http:
            view: View = remote.told(http.get(self._path(name)))
            return view

    def put(self, name: Name, body: Any) -> View:
        with remote.client(self._url, self._token_file) as http:
            view: View = remote.told(http.put(self._path(name), json=body))
            return view

    def delete(self, name: Name) -> None:
        with remote.client(self._url, self._token_file) as http:
            remote.checked(http.delete(self._path(name)))


class InStore:
    """Those of one tenant of a store, read and written beside whatever server runs on it."""

    def __init__(self, what: str, settings: Settings, tenant: str) -> None:
        self._what, self._settings = what, settings
        self._who = operator(tenant)

    def list(self) -> list[View]:
        async def read(contexts: Contexts) -> list[View]:
            ours = contexts.roles
            found: list[View] = []
            cursor: str | None = None
            while True:
                ask = ours.list_roles if self._what == ROLES else ours.list_bindings
                page: KeptPage = await ask(self._who, cursor, limits.PAGE_MAX)
                found += [each.view for each in page.items]
                cursor = page.next
                if cursor is None:
                    return found

        return self._run(read)

    def get(self, name: Name) -> View:
        return self._run(lambda contexts: self._get(contexts, name))

    async def _get(self, contexts: Contexts, name: Name) -> View:
        if isinstance(name, str):
            return (await contexts.roles.role(self._who, name)).view
        return (await contexts.roles.binding(self._who, name.family, name.name)).view

    def put(self, name: Name, body: Any) -> View:
        async def write(contexts: Contexts) -> View:
            outcome = await self._put(contexts, name, body)
            version = outcome.results[0].version
            return (await contexts.roles.written(self._who, _key(name), version)).view

        return self._run(write)

    async def _put(self, contexts: Contexts, name: Name, body: Any) -> Outcome:
        if isinstance(name, str):
            return await contexts.roles.put_role(self._who, name, body, ALWAYS)
        return await contexts.roles.put_binding(self._who, name, body, ALWAYS)

    def delete(self, name: Name) -> None:
        async def write(contexts: Contexts) -> None:
            if isinstance(name, str):
                await contexts.roles.delete_role(self._who, name, ALWAYS)
            else:
                await contexts.roles.delete_binding(self._who, name.family, name.name, ALWAYS)

        self._run(write)

    def _run(self, work: Callable[[Contexts], Awaitable[T]]) -> T:
        async def opened() -> T:
            async with open_contexts(self._settings, sweep=False) as contexts:
                return await work(contexts)

        return asyncio.run(opened())


def _key(name: Name) -> ContextKey:
    return roles.key_of(name) if isinstance(name, str) else name.key


def place_options(function: F) -> F:
    """What the commands take to find them: a store and a tenant, or a server."""
    for add in (
        json_option,
        setting_options("store"),
        click.option("--tenant", help=f"Whose, in the store. [default: {DEFAULT_TENANT}]"),
        click.option("--token-file", metavar="FILE", help="File with the token for the server."),
        click.option("--url", metavar="URL", help="A running server, instead of the store."),
    ):
        function = add(function)
    return function


def opened(what: str, where: dict[str, Any], *, makes: bool = False) -> Kept:
    """`makes` says whether a store is made where there is none."""
    url, token_file, tenant = where.pop("url"), where.pop("token_file"), where.pop("tenant")
    if url is not None:
        if where["store"] is not None or tenant is not None:
            raise click.UsageError("--url excludes --store and --tenant; the token says whose")
        return OnServer(what, url, token_file)
    if token_file is not None:
        raise click.UsageError("--token-file is for a server; name it with --url")
    settings = settings_from(where)
    found = settings if makes else store_that_is_there(settings)
    return InStore(what, found, tenant or DEFAULT_TENANT)


def shown(view: View, told: str, *, as_json: bool) -> None:
    """The view for scripts, a sentence for people."""
    click.echo(json.dumps(view, indent=2, ensure_ascii=False) if as_json else told)


def bindee(family: str, name: str) -> Bindee:
    return bindings.bindee(family, name)
