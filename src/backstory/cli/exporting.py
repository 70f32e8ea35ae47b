"""`backstory export`: write contexts as lines that `backstory import jsonl` takes back.

A line holds a context as it stands: kind, state, labels, expiry and visible entries. One
that would be too long goes on in further lines with the same context. The past stays behind,
and so do redaction markers, which have nothing left to tell.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import click
import orjson

from backstory import clock, limits
from backstory.cli.options import context_key, json_option, setting_options, settings_from
from backstory.cli.renumbering import Renumbering
from backstory.config import Settings
from backstory.contexts.listing import Filter
from backstory.contexts.service import Contexts
from backstory.domain.contexts import Head, Snapshot
from backstory.domain.entries import MESSAGE, REDACTED, Entry
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.kinds import NAMESPACE, is_kind
from backstory.domain.principals import LOCAL_ADMIN
from backstory.errors import InvalidError, InvalidKeyError, MissingError
from backstory.ports.store import EntryQuery
from backstory.wiring import open_contexts

_STDOUT: Final = "-"


@dataclass
class _Tally:
    contexts: int = 0
    entries: int = 0


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
    "-o",
    "--output",
    metavar="FILE",
    default=_STDOUT,
    type=click.Path(dir_okay=False, allow_dash=True),
    help="File to write, whole or not at all. [default: standard output]",
)
@setting_options("store", "search")
@json_option
def command(
    *,
    namespace: NamespacePattern | None,
    context: ContextKey | None,
    output: str,
    as_json: bool,
    **flags: Any,
) -> None:
    """Write contexts to a file of JSON Lines, as `import jsonl` takes them back.

    Each context is written as it stands when its turn comes. The past is not written.
    """
    if namespace is not None and context is not None:
        raise click.UsageError("--namespace and --context exclude each other")
    settings = settings_from(flags)
    tally = _Tally()
    with _Target(output) as target:
        asyncio.run(_export(settings, namespace, context, target, tally))
    _report(tally, output, as_json=as_json)


async def _export(
    settings: Settings,
    namespace: NamespacePattern | None,
    only: ContextKey | None,
    target: _Target,
    tally: _Tally,
) -> None:
    async with open_contexts(settings) as contexts:
        keys = _some(only) if only else _keys(contexts, namespace)
        async for key in keys:
            try:
                async for line in _lines(contexts, key, tally):
                    await asyncio.to_thread(target.write, line)
            except MissingError:
                if only is not None:
                    raise
                continue  # deleted since it was listed
            tally.contexts += 1


async def _some(key: ContextKey) -> AsyncIterator[ContextKey]:
    yield key


async def _keys(
    contexts: Contexts, namespace: NamespacePattern | None
) -> AsyncIterator[ContextKey]:
    """Kinds come first, so that an import knows them before it needs them."""
    kinds = NamespacePattern(NAMESPACE, below=False)
    if namespace is None or namespace.matches(NAMESPACE):
        async for key in _listed(contexts, kinds):
            yield key
    async for key in _listed(contexts, namespace):
        if not is_kind(key):
            yield key


async def _listed(
    contexts: Contexts, namespace: NamespacePattern | None
) -> AsyncIterator[ContextKey]:
    cursor: str | None = None
    wanted = Filter(namespace)
    while True:
        page = await contexts.lister.heads(LOCAL_ADMIN, wanted, cursor, limits.PAGE_MAX)
        for head in page.items:
            yield head.key
        cursor = page.next
        if cursor is None:
            return


async def _lines(contexts: Contexts, key: ContextKey, tally: _Tally) -> AsyncIterator[bytes]:
    """One version of a context, in as many lines as its entries need."""
    view = await contexts.reader.view(LOCAL_ADMIN, key)
    line = _head(key, view.snapshot)
    numbers = Renumbering()
    after, more = 0, True
    while more:
        query = EntryQuery(after=after, limit=limits.PAGE_MAX, max_bytes=limits.PAGE_BYTES)
        page = await contexts.store.page(LOCAL_ADMIN.tenant, view.chain, query)
        kept = [_entry(entry, numbers) for entry in page.entries if entry.type != REDACTED]
        tally.entries += len(kept)
        yield orjson.dumps(line | {"entries": kept}, option=orjson.OPT_APPEND_NEWLINE)
        line = {name: line[name] for name in ("context", "kind", "expires_at") if name in line}
        more = page.more
        after = page.entries[-1].seq if page.entries else after


def _head(key: ContextKey, snapshot: Snapshot) -> dict[str, Any]:
    head = snapshot.head
    line: dict[str, Any] = {"context": str(key), "kind": head.kind}
    line["state"] = orjson.Fragment(snapshot.state)
    if head.labels:
        line["labels"] = _labels(head)
    if head.expires_at is not None:
        line["expires_at"] = clock.to_text(head.expires_at)
    return line


def _labels(head: Head) -> Any:
    return list(head.labels) if isinstance(head.labels, tuple) else dict(head.labels)


def _entry(entry: Entry, numbers: Renumbering) -> dict[str, Any]:
    line: dict[str, Any] = {"id": entry.id, "role": entry.role}
    if entry.type != MESSAGE:
        line["type"] = entry.type
    line["content"] = orjson.Fragment(entry.content)
    metadata = numbers.metadata(entry)
    if metadata is not None:
        line["metadata"] = orjson.Fragment(metadata)
    return line


class _Target:
    """Standard output, or a file that takes its name once it is whole."""

    def __init__(self, name: str) -> None:
        self._path = None if name == _STDOUT else Path(name)
        self._part = None if name == _STDOUT else Path(f"{name}.part")

    def __enter__(self) -> Self:
        try:
            self._file: BinaryIO = self._part.open("wb") if self._part else sys.stdout.buffer
        except OSError as error:
            raise InvalidError(f"{self._part} cannot be written: {error.strerror}") from error
        return self

    def write(self, line: bytes) -> None:
        try:
            self._file.write(line)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise InvalidError(f"writing failed: {error.strerror}") from error

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._part is None or self._path is None:
            self._file.flush()
            return
        if kind is None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)


def _report(tally: _Tally, output: str, *, as_json: bool) -> None:
    """On standard error where standard output holds the lines."""
    if as_json:
        report = {"contexts": tally.contexts, "entries": tally.entries, "output": output}
        click.echo(json.dumps(report), err=output == _STDOUT)
    else:
        click.echo(f"{tally.contexts:,} contexts with {tally.entries:,} entries written", err=True)
