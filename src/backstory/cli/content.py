"""`backstory content`: large content of a context, in and out of a server over HTTP."""

from __future__ import annotations

import json
import mimetypes
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import click
import httpx

from backstory.cli import remote
from backstory.cli.options import context_key, json_option
from backstory.cli.syncing import Bar, Synced, sync_file
from backstory.domain.content import DEFAULT_MEDIA_TYPE
from backstory.domain.keys import ContextKey
from backstory.errors import ExistsError, InvalidError, PreconditionError

F = TypeVar("F", bound=Callable[..., Any])
_PIECE: Final = 256 * 1024
_STDOUT: Final = "-"


def _server(function: F) -> F:
    """What all commands take: the context, the server, and how to answer."""
    for add in (
        json_option,
        click.option("--token-file", metavar="FILE", help="File with the token to show."),
        click.option("--url", default=remote.DEFAULT_URL, show_default=True, help="The server."),
        click.argument("context", callback=context_key),
    ):
        function = add(function)
    return function


def _sending(function: F) -> F:
    """What the commands that send a file take."""
    for add in (
        click.option("--create", is_flag=True, help="Make the context, a document, if need be."),
        click.option("--type", "media_type", help="The media type. [default: by the name]"),
        click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    ):
        function = add(function)
    return _server(function)


@click.group("content")
def command() -> None:
    """Store, fetch and sync the large content of a context on a running server.

    Each command takes --json, for scripts.
    """


@command.command("put")
@_sending
def put(
    *,
    context: ContextKey,
    url: str,
    token_file: str | None,
    as_json: bool,
    file: Path,
    media_type: str | None,
    create: bool,
) -> None:
    """Send FILE as the content of CONTEXT (namespace/name), all of it."""
    with remote.client(url, token_file) as http, file.open("rb") as source:
        _make(http, context, create=create)
        size = file.stat().st_size
        with Bar("sending", size) as bar:
            answer = remote.checked(
                http.put(
                    _path(context),
                    content=_pieces(source, bar),
                    headers={"content-type": _type(file, media_type)},
                )
            )
    head = answer.json()
    _tell(
        {"context": str(context), "version": head["version"], "size": size, "sent_bytes": size},
        f"{context} is at version {head['version']}: {size:,} bytes",
        as_json=as_json,
    )


@command.command("sync")
@_sending
def sync(
    *,
    context: ContextKey,
    url: str,
    token_file: str | None,
    as_json: bool,
    file: Path,
    media_type: str | None,
    create: bool,
) -> None:
    """Make the content of CONTEXT equal to FILE, sending only the chunks that are missing."""
    with remote.client(url, token_file) as http:
        _make(http, context, create=create)
        done: Synced = sync_file(http, _path(context), file, _type(file, media_type))
    _tell(
        {"context": str(context)} | done.members(),
        f"{context} is at version {done.version}: {done.sent_chunks:,} of {done.chunks:,} chunks "
        f"sent, {done.sent_bytes:,} bytes for {done.size:,}",
        as_json=as_json,
    )


@command.command("get")
@_server
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--at", type=int, metavar="VERSION", help="As it was at this version.")
@click.option("--range", "span", metavar="BYTES", help="Only these: 0-99, 500- or -100.")
def get(
    *,
    context: ContextKey,
    url: str,
    token_file: str | None,
    as_json: bool,
    file: str,
    at: int | None,
    span: str | None,
) -> None:
    """Write the content of CONTEXT to FILE, whole or not at all; - is standard output."""
    headers = {"range": f"bytes={span}"} if span else {}
    params = {} if at is None else {"at": at}
    with (
        remote.client(url, token_file) as http,
        http.stream("GET", _path(context), headers=headers, params=params) as answer,
    ):
        remote.checked(answer)
        if span and answer.status_code != 206:
            raise InvalidError(f"--range must be like 0-99, 500- or -100, not {span}")
        size = int(answer.headers["content-length"])
        with Bar("receiving", size) as bar:
            _save(answer.iter_bytes(_PIECE), file, bar)
    report = {"context": str(context), "file": file, "bytes": size}
    report |= {"etag": answer.headers["etag"], "media_type": answer.headers["content-type"]}
    _tell(report, f"{size:,} bytes", as_json=as_json, aside=file == _STDOUT)


def _make(http: httpx.Client, context: ContextKey, *, create: bool) -> None:
    if not create:
        return
    body = {"kind": "document"}
    answer = http.put(f"/v1/contexts/{context}", json=body, headers={"if-none-match": "*"})
    try:
        remote.checked(answer)
    except (PreconditionError, ExistsError):
        return


def _path(context: ContextKey) -> str:
    return f"/v1/contexts/{context}/content"


def _type(file: Path, given: str | None) -> str:
    return given or mimetypes.guess_type(file.name)[0] or DEFAULT_MEDIA_TYPE


def _pieces(source: BinaryIO, bar: Bar) -> Iterator[bytes]:
    while piece := source.read(_PIECE):
        yield piece
        bar.advance(len(piece))


def _save(pieces: Iterator[bytes], file: str, bar: Bar) -> None:
    """A file takes its name once it is whole."""
    part = None if file == _STDOUT else Path(f"{file}.part")
    try:
        target: BinaryIO = sys.stdout.buffer if part is None else part.open("wb")
        try:
            for piece in pieces:
                target.write(piece)
                bar.advance(len(piece))
            target.flush()
            if part is not None:
                os.fsync(target.fileno())
                part.replace(file)
        finally:
            if part is not None:
                target.close()
                part.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidError(f"{file} cannot be written: {error.strerror}") from error


def _tell(report: dict[str, Any], text: str, *, as_json: bool, aside: bool = False) -> None:
    """On standard error where standard output holds the content."""
    click.echo(json.dumps(report) if as_json else text, err=aside or not as_json)
