"""`backstory kinds`: what contexts of a kind may hold, in a store or on a running server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from backstory import limits
from backstory.cli.options import (
    json_option,
    setting_options,
    settings_from,
    store_that_is_there,
)
from backstory.cli.registry import Registry, ServerRegistry, StoreRegistry
from backstory.config import Settings
from backstory.domain.kinds import check_kind
from backstory.errors import InvalidError, UnknownKindError
from backstory.processing.parsers import parse
from backstory.processing.parsers.results import Value
from backstory.processing.schemas.compatibility import Compatibility
from backstory.wiring import open_contexts

F = TypeVar("F", bound=Callable[..., Any])
_STDIN: Final = "-"
_YAML: Final = (".yaml", ".yml")
_REGISTERED: Final = ("schema", "entry_schema", "compatibility")


def _kind(ctx: click.Context, param: click.Parameter, value: str) -> str:
    try:
        return check_kind(value)
    except UnknownKindError as error:
        raise click.BadParameter(error.detail, ctx, param) from error


def _registry(function: F) -> F:
    """What the commands take to find a registry: a store, or a server."""
    for add in (
        json_option,
        setting_options("store", "search"),
        click.option("--token-file", metavar="FILE", help="File with the token for the server."),
        click.option("--url", metavar="URL", help="A running server, instead of the store."),
    ):
        function = add(function)
    return function


_the_kind = click.argument("kind", callback=_kind)


@click.group("kinds")
def command() -> None:
    """List, read and register kinds, and bring states to their newest version.

    With --url on a running server, else in the store. Each command takes --json, for scripts.
    """


@command.command("list")
@_registry
def list_kinds(*, as_json: bool, **where: Any) -> None:
    """Show the kinds there are, built in or registered."""
    found = _open(where).kinds()
    if as_json:
        click.echo(json.dumps({"items": found}, indent=2))
        return
    for view in found:
        ruled = f"schema version {view['schema_version']}" if view["version"] else "any object"
        click.echo(f"{view['kind']:<20} {ruled}{'  (built in)' if view['built_in'] else ''}")


@command.command("get")
@_registry
@_the_kind
def get(*, kind: str, as_json: bool, **where: Any) -> None:
    """Print what KIND demands, in the form that `put` takes; --json tells its versions, too."""
    view = _open(where).kind(kind)
    shown = {name: view[name] for name in _REGISTERED if view[name] is not None}
    click.echo(json.dumps(view if as_json else shown, indent=2, ensure_ascii=False))


@command.command("put")
@_registry
@_the_kind
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--compatibility",
    type=click.Choice([str(each) for each in Compatibility]),
    help="What the kind promises from now on; FILE may say it, too.",
)
def put(*, kind: str, file: str, compatibility: str | None, as_json: bool, **where: Any) -> None:
    """Register KIND, or give it another schema: FILE is JSON or YAML with `schema` and more.

    FILE holds an object with a `schema` for states, an `entry_schema`, or both, and where they
    are wanted `compatibility` and a `migration`. - reads standard input.
    """
    body = read_body(file)
    if compatibility is not None and isinstance(body, dict):
        body = body | {"compatibility": compatibility}
    view = _open(where, makes=True).register(kind, body)
    told = (
        f"{kind} is registered: schema version {view['schema_version']}, "
        f"compatibility {view['compatibility']}"
    )
    click.echo(json.dumps(view, indent=2) if as_json else told)


@command.command("migrate")
@setting_options("store", "search", "processing")
@json_option
def migrate(*, as_json: bool, **flags: Any) -> None:
    """Bring states to the newest version of their kind now, as a server does in the background.

    The exit code is 1 where a state cannot follow; it stays as it is, and is named.
    """
    settings = store_that_is_there(settings_from(flags))
    before, left = asyncio.run(_migrate(settings))
    done = len(before - left)
    if as_json:
        stuck = [{"tenant": tenant, "context": name} for tenant, name in sorted(left)]
        click.echo(json.dumps({"migrated": done, "left": stuck}, indent=2))
    else:
        click.echo(f"{done:,} states migrated, {len(left):,} left as they are")
        for _, name in sorted(left):
            click.echo(f"{name} cannot follow its kind; put its state anew", err=True)
    if left:
        raise SystemExit(1)


async def _migrate(settings: Settings) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Tenant and name of what was behind before, and of what still is."""
    async with open_contexts(settings, sweep=False) as contexts:  # which would migrate, too
        migrator = contexts.migrator
        before = {(tenant, str(key)) async for tenant, key in migrator.behind()}
        while await migrator.migrate():
            pass
        left = {(tenant, str(key)) async for tenant, key in migrator.behind()}
        return before | left, left


def _open(where: dict[str, Any], *, makes: bool = False) -> Registry:
    """`makes` says whether a store is made where there is none."""
    url, token_file = where.pop("url"), where.pop("token_file")
    if url is not None:
        if where["store"] is not None:
            raise click.UsageError("--url and --store exclude each other")
        return ServerRegistry(url, token_file)
    if token_file is not None:
        raise click.UsageError("--token-file is for a server; name it with --url")
    settings = settings_from(where)
    return StoreRegistry(settings if makes else store_that_is_there(settings))


def read_body(file: str) -> Any:
    """What a file holds: YAML by its name, or where standard input begins with no brace.

    Raises:
        InvalidError: it cannot be read, or is neither.
    """
    try:
        with click.open_file(file, "rb") as opened:
            raw: bytes = opened.read(limits.PARSE_BYTES + 1)
    except OSError as error:
        raise InvalidError(f"{file} cannot be read: {error.strerror}") from error
    named_yaml = file.lower().endswith(_YAML) or (file == _STDIN and raw.lstrip()[:1] != b"{")
    try:
        parsed = parse(raw, "application/yaml" if named_yaml else "application/json")
    except InvalidError as error:
        raise type(error)(f"{file}: {error.detail}") from error
    assert isinstance(parsed, Value)
    return parsed.value
