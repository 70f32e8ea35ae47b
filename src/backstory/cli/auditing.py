"""`backstory audit`: the audit trail of a store, written out, verified and noted."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from backstory.cli.options import json_option, setting_options, settings_from
from backstory.cli.routing import Kept, one_store, route_option, stores
from backstory.cli.target import STDOUT, Target
from backstory.config import Settings
from backstory.domain.principals import DEFAULT_TENANT
from backstory.errors import ConfigError
from backstory.wiring import open_contexts

if TYPE_CHECKING:
    from backstory.contexts.service import Contexts
    from backstory.ports.audits import Audits
    from backstory.security.auditing.verifying import Anchor, Verified

_ANCHOR: Final = re.compile(r"([1-9][0-9]{0,15}):([0-9a-f]{64})\Z")

_the_tenant = click.option(
    "--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose trail."
)


def _anchor(ctx: click.Context, param: click.Parameter, value: str | None) -> Anchor | None:
    from backstory.security.auditing.verifying import Anchor

    if value is None:
        return None
    found = _ANCHOR.match(value)
    if found is None:
        raise click.BadParameter("must be BLOCK:HASH, as `backstory audit head` prints", ctx, param)
    return Anchor(int(found[1]), found[2])


@click.group("audit")
def command() -> None:
    """Write the audit trail out, and prove that it is whole.

    On a store that may be in use. Each command takes --json, for scripts.
    """


@command.command("head")
@setting_options("store", "routes", "search")
@route_option
@_the_tenant
@json_option
def head(*, tenant: str, route: str | None, as_json: bool, **flags: Any) -> None:
    """Print BLOCK:HASH where the trail ends, and the key that signs it.

    Whoever notes both elsewhere can hold the trail against them later: `verify --anchor`. Each store has a
    trail and a key of its own: where routes name more, --route says whose.
    """
    block, hash_, key = asyncio.run(_head(one_store(settings_from(flags), route), tenant))
    if as_json:
        click.echo(json.dumps({"tenant": tenant, "block": block, "hash": hash_, "key": key}))
        return
    click.echo(f"{block}:{hash_}")
    click.echo(f"key {key}")


async def _head(settings: Settings, tenant: str) -> tuple[int, str, str]:
    from backstory.domain.audit import Tip
    from backstory.security.auditing.signing import Signer

    async with _opened(settings) as (contexts, audits):
        tip = await audits.audit_tip(tenant) or Tip()
        return tip.block, tip.hash.hex(), Signer(contexts.store.secret).public


@command.command("export")
@setting_options("store", "routes", "search")
@route_option
@_the_tenant
@click.option("--names", is_flag=True, help="With the names that are not erased.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default=STDOUT,
    type=click.Path(dir_okay=False, allow_dash=True),
    help="File to write, whole or not at all. [default: standard output]",
)
@json_option
def export(
    *, tenant: str, names: bool, output: str, route: str | None, as_json: bool, **flags: Any
) -> None:
    """Write the trail as JSON Lines, which `backstory audit verify FILE` takes.

    What was done since the last round of a running server is sealed by the server, not here. Where routes
    name more stores, --route says whose trail.
    """
    settings = one_store(settings_from(flags), route)
    with Target(output) as target:
        tally = asyncio.run(_export(settings, tenant, target, names=names))
    if as_json:
        click.echo(json.dumps(tally | {"output": output}), err=output == STDOUT)
        return
    click.echo(f"{tally['events']:,} events in {tally['blocks']:,} blocks written", err=True)


async def _export(
    settings: Settings, tenant: str, target: Target, *, names: bool
) -> dict[str, int]:
    from backstory.security.auditing.exporting import Exporter

    async with _opened(settings) as (contexts, audits):
        exporter = Exporter(audits, contexts.store.secret, contexts.clock)
        async for line in exporter.lines(tenant, names=names):
            await asyncio.to_thread(target.write, line)
        return asdict(exporter.tally)


@command.command("verify")
@setting_options("store", "routes", "search")
@route_option
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--tenant", help="Whose trail. [default: all that there are]")
@click.option("--key", metavar="HEX", help="Key that has to have signed FILE.")
@click.option(
    "--anchor",
    callback=_anchor,
    metavar="BLOCK:HASH",
    help="What `head` printed at an earlier time.",
)
@json_option
def verify(
    *,
    file: str | None,
    tenant: str | None,
    key: str | None,
    anchor: Anchor | None,
    route: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Look for any change, removal, insertion or moving of events, in the store or in FILE.

    In the store, the change log is compared with the trail as well. The exit code is 1 where
    something was found. Where routes name more stores, the trails of all are looked at.
    """
    if anchor is not None and file is None and tenant is None:
        tenant = DEFAULT_TENANT
    if file is not None:
        found, public = _verify_file(Path(file), key, anchor)
        every = [_Trails(None, [found], public)]
    else:
        settings = settings_from(flags)
        if anchor is not None:
            one_store(settings, route)  # an anchor is of one trail
        every = [_verified(each, tenant, anchor) for each in stores(settings, route)]
    _report(every, as_json=as_json, given=key is not None or file is None)
    if not all(each.whole for each in every):
        raise SystemExit(1)


@dataclass(frozen=True, slots=True)
class _Trails:
    """Those of a store, or the one in a file, and the key that signs them."""

    kept: Kept | None
    told: list[Verified]
    public: str

    @property
    def whole(self) -> bool:
        return not any(each.findings for each in self.told)


def _verified(kept: Kept, tenant: str | None, anchor: Anchor | None) -> _Trails:
    with kept.told():
        return _Trails(kept, *asyncio.run(_verify(kept.settings, tenant, anchor)))


def _verify_file(path: Path, key: str | None, anchor: Anchor | None) -> tuple[Verified, str]:
    from backstory.security.auditing.exporting import verify_lines

    with path.open("rb") as lines:
        return verify_lines(lines, key, anchor)


async def _verify(
    settings: Settings, tenant: str | None, anchor: Anchor | None
) -> tuple[list[Verified], str]:
    from backstory.security.auditing.signing import Signer
    from backstory.security.auditing.verifying import verify as look

    async with _opened(settings) as (contexts, audits):
        secret = contexts.store.secret
        tenants = [tenant] if tenant is not None else await _tenants(audits)
        found = [await look(audits, secret, each, anchor) for each in tenants]
        return found, Signer(secret).public


async def _tenants(audits: Audits) -> list[str]:
    found: list[str] = []
    page = await audits.audited()
    while page:
        found += page
        page = await audits.audited(page[-1]) if page[-1] else ()
    return found


def _report(every: list[_Trails], *, as_json: bool, given: bool) -> None:
    if as_json:
        first, *others = map(_view, every)
        click.echo(json.dumps(first | ({"routed": others} if others else {}), indent=2))
        return
    for trails in every:
        if trails.kept is not None and len(every) > 1:
            click.echo(f"{trails.kept.called}:")
        _tell(trails.told)
        if not given:
            key = trails.public
            click.echo(f"signed with {key}; compare it with the key of `backstory audit head`")


def _view(trails: _Trails) -> dict[str, Any]:
    view = [
        {
            "tenant": each.tenant,
            "blocks": each.blocks,
            "events": each.events,
            "head": f"{each.tip.block}:{each.tip.hash.hex()}",
            "findings": [asdict(finding) for finding in each.findings],
        }
        for each in trails.told
    ]
    route = {"route": trails.kept.name} if trails.kept is not None and trails.kept.name else {}
    return route | {"ok": trails.whole, "key": trails.public, "trails": view}


def _tell(told: list[Verified]) -> None:
    for each in told:
        whose = repr(each.tenant) if each.tenant else "nobody's"
        state = f"{len(each.findings)} findings" if each.findings else "whole"
        click.echo(f"{whose}: {state} ({each.events:,} events in {each.blocks:,} blocks)")
        for finding in each.findings:
            click.echo(f"  {finding.where}: {finding.what}")
    if not told:
        click.echo("there is no audit trail yet")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Contexts, Audits]]:
    async with open_contexts(settings, sweep=False) as contexts:
        if contexts.audits is None:
            raise ConfigError("this store keeps no audit trail")
        yield contexts, contexts.audits
