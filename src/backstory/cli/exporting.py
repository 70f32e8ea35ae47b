"""`backstory export`: write contexts as lines that `backstory import jsonl` takes back.

A context is written as it stands: kind, state, labels, expiry, visible entries and content.
The past stays behind, and so do redaction markers, which have nothing left to tell.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import click

from backstory.cli.exporter.lines import Tally, keys, lines
from backstory.cli.exporter.whole import whole
from backstory.cli.options import (
    context_key,
    json_option,
    setting_options,
    settings_from,
    store_that_is_there,
)
from backstory.cli.routing import one_store, route_option
from backstory.cli.target import STDOUT, Target
from backstory.config import Settings
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.errors import InvalidKeyError, MissingError
from backstory.wiring import open_contexts


def _pattern(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> NamespacePattern | None:
    try:
        return value if value is None else NamespacePattern.parse(value)
    except InvalidKeyError as error:
        raise click.BadParameter(error.detail, ctx, param) from error


@click.command("export")
@click.option(
    "--namespace",
    metavar="PATTERN",
    callback=_pattern,
    help="Only this namespace; users.42.* is users.42 and everything below.",
)
@click.option(
    "--context", metavar="CONTEXT", callback=context_key, help="Only this one: namespace/name."
)
@click.option(
    "--history",
    is_flag=True,
    help="The whole store, its past included, for `import history` into an empty one.",
)
@click.option(
    "--decrypt",
    is_flag=True,
    help="With --history, of an encrypted store: in clear text, which its keys open.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default=STDOUT,
    type=click.Path(dir_okay=False, allow_dash=True),
    help="File to write, whole or not at all. [default: standard output]",
)
@setting_options("store", "routes", "search", "master_key", "keys")
@route_option
@json_option
def command(
    *,
    namespace: NamespacePattern | None,
    context: ContextKey | None,
    history: bool,
    decrypt: bool,
    output: str,
    route: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Write contexts to a file of JSON Lines, as `import jsonl` takes them back.

    Each context is written as it stands when its turn comes, its content included. The past is
    not written. `backstory export --store A | backstory import jsonl - --store B` moves data.

    With --history the whole store is written as it stands at one moment: every version, what was deleted,
    redacted or hidden, who wrote what and when, for all tenants. Where routes name more stores, --route says
    which.
    """
    if history and (namespace is not None or context is not None):
        raise click.UsageError("--history writes the whole store, so it goes with no other choice")
    if namespace is not None and context is not None:
        raise click.UsageError("--namespace and --context exclude each other")
    if decrypt and not history:
        raise click.UsageError("--decrypt goes with --history; other exports are clear text always")
    if history:
        store = one_store(settings_from(flags), route)
        whole(store, output, decrypt=decrypt, as_json=as_json)
        return
    settings = settings_from(flags)
    settings = store_that_is_there(settings) if route is None else one_store(settings, route)
    tally = Tally()
    with Target(output) as target:
        asyncio.run(_export(settings, namespace, context, target, tally))
    _report(tally, output, as_json=as_json)


async def _export(
    settings: Settings,
    namespace: NamespacePattern | None,
    only: ContextKey | None,
    target: Target,
    tally: Tally,
) -> None:
    async with open_contexts(settings) as contexts:
        async for key in _some(only) if only else keys(contexts, namespace):
            try:
                async for line in lines(contexts, key, tally):
                    await asyncio.to_thread(target.write, line)
            except MissingError:
                if only is not None:
                    raise
                continue  # deleted since it was listed


async def _some(key: ContextKey) -> AsyncIterator[ContextKey]:
    yield key


def _report(tally: Tally, output: str, *, as_json: bool) -> None:
    """On standard error where standard output holds the lines."""
    if as_json:
        click.echo(json.dumps(asdict(tally) | {"output": output}), err=output == STDOUT)
        return
    contents = f", {tally.contents:,} contents ({tally.content_bytes:,} bytes)"
    click.echo(
        f"{tally.contexts:,} contexts with {tally.entries:,} entries"
        f"{contents if tally.contents else ''} written",
        err=True,
    )
