"""`backstory import`: read conversations from files into contexts."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from backstory.cli.importer.progress import Progress
from backstory.cli.importer.run import EXTENDED, KNOWN, NEW, Run, Tally
from backstory.cli.importer.whole import ABOUT, HISTORY, whole
from backstory.cli.importer.writer import ConversationWriter
from backstory.cli.options import json_option, setting_options, settings_from
from backstory.cli.routing import one_store, route_option
from backstory.config import Settings
from backstory.domain.keys import check_namespace
from backstory.errors import InvalidError, InvalidKeyError
from backstory.processing.accepted import with_extensions
from backstory.processing.conversations import Bad
from backstory.processing.sources import sources
from backstory.wiring import open_contexts

_STDIN: Final = "-"
_INTERRUPTED: Final = 130  # as a shell reports SIGINT
_SOURCES: Final = sources(with_extensions().formats)


def _namespace(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    try:
        return value if value is None else check_namespace(value)
    except InvalidKeyError as error:
        raise click.BadParameter(error.detail, ctx, param) from error


@click.command(
    "import", epilog="  ".join([*(f"{n}: {s.about}." for n, s in _SOURCES.items()), ABOUT])
)
@click.argument("source", metavar="SOURCE", type=click.Choice([*_SOURCES, HISTORY]))
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True),
)
@click.option(
    "--namespace",
    metavar="NAMESPACE",
    callback=_namespace,
    help="Where contexts go that the format names none for. [default: imports.SOURCE]",
)
@click.option("--skip-bad", is_flag=True, help="Pass over what cannot be read, and count it.")
@click.option("--dry-run", is_flag=True, help="Read and check everything, write nothing.")
@setting_options("store", "routes", "search", "processing", "master_key", "keys")
@route_option
@json_option
def command(
    *,
    source: str,
    files: tuple[str, ...],
    namespace: str | None,
    skip_bad: bool,
    dry_run: bool,
    route: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Read conversations from FILES of the form SOURCE into contexts.

    What is there already is recognised, so that the same command may be given again: after it
    was stopped, or when the files have grown. It works beside a running server.
    """
    settings = settings_from(flags)
    if source == HISTORY:
        if namespace or skip_bad or dry_run or len(files) > 1:
            raise click.UsageError("history takes one file, and no other choice")
        whole(one_store(settings, route, made=True), files[0], as_json=as_json)
        return
    if route is not None:
        settings = one_store(settings, route, made=True)
    run = Run(_SOURCES[source], skip_bad=skip_bad, told=_tell)
    interrupted = ended = False
    try:
        asyncio.run(_import(run, files, settings, namespace or f"imports.{source}", dry=dry_run))
        ended = True
    except KeyboardInterrupt:
        interrupted = True
    finally:
        if ended or run.tally.read:  # an error says more where nothing has begun
            report = _report(source, files, run.tally, dry_run=dry_run)
            text = json.dumps(report, indent=2) if as_json else _sentence(run.tally, dry=dry_run)
            click.echo(text)
    if interrupted:
        click.echo("interrupted; the same command goes on from here", err=True)
        sys.exit(_INTERRUPTED)
    if run.tally.stopped:
        click.echo(
            "stopped there; mend it, or pass over such with --skip-bad, and give the same command",
            err=True,
        )
        sys.exit(1)


async def _import(
    run: Run, files: tuple[str, ...], settings: Settings, namespace: str, *, dry: bool
) -> None:
    with Progress(_bytes(files)) as progress:
        if dry:
            await _read(run, files, progress)
            return
        async with open_contexts(settings) as contexts:
            run.writer = ConversationWriter(contexts, namespace)
            await _read(run, files, progress)


async def _read(run: Run, files: tuple[str, ...], progress: Progress) -> None:
    for name in files:
        if run.is_over():
            return
        file = await asyncio.to_thread(_open, name)
        with file:
            await run.file(file, name, lambda done: progress.read_to(done, run.tally.read))
        progress.file_done()


def _open(name: str) -> BinaryIO:
    try:
        return sys.stdin.buffer if name == _STDIN else Path(name).open("rb")
    except OSError as error:
        raise InvalidError(f"{name} cannot be read: {error.strerror}") from error


def _bytes(files: tuple[str, ...]) -> int:
    return sum(Path(name).stat().st_size for name in files if name != _STDIN)


def _tell(bad: Bad) -> None:
    click.echo(f"{bad.place}: {bad.reason}", err=True)


def _report(source: str, files: tuple[str, ...], tally: Tally, *, dry_run: bool) -> dict[str, Any]:
    return {
        "source": source,
        "files": list(files),
        "dry_run": dry_run,
        "read": tally.read,
        "contexts": {word: tally.count(word) for word in (NEW, EXTENDED, KNOWN)},
        "entries": {NEW: tally.new, KNOWN: tally.known},
        "contents": {NEW: tally.contents_new, KNOWN: tally.contents_known},
        "expired": tally.expired,
        "skipped": {"count": tally.skipped_count, "items": [_place(b) for b in tally.skipped]},
        "stopped": _place(tally.stopped) if tally.stopped else None,
    }


def _place(bad: Bad) -> dict[str, Any]:
    return {"file": bad.place.file, "line": bad.place.line, "reason": bad.reason}


def _sentence(tally: Tally, *, dry: bool) -> str:
    skipped = f"; {tally.skipped_count:,} skipped" if tally.skipped_count else ""
    if dry:
        contents = f", and {tally.contents_new:,} contents," if tally.contents_new else ""
        return (
            f"{tally.read:,} conversations with {tally.new:,} entries{contents} can be read"
            f"{skipped}; nothing was written"
        )
    has_contents = tally.contents_new or tally.contents_known
    extended = tally.count(EXTENDED)
    return (
        f"{tally.count(NEW):,} conversations new, {tally.count(KNOWN):,} known"
        + (f", {extended:,} extended" if extended else "")
        + f"; {tally.new:,} entries new, {tally.known:,} known"
        + (
            f"; {tally.contents_new:,} contents new, {tally.contents_known:,} known"
            if has_contents
            else ""
        )
        + (f"; {tally.expired:,} expired already" if tally.expired else "")
        + skipped
    )
