"""`backstory content`: large content of a context, in, out and edited over HTTP."""

from __future__ import annotations

import contextlib
import json
import mimetypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import click
import httpx

from backstory.cli import edits as editing
from backstory.cli import remote
from backstory.cli.options import context_key, json_option
from backstory.cli.progress import Bar
from backstory.cli.syncing import Synced, sync_file
from backstory.cli.target import STDOUT, Target
from backstory.domain.content import DEFAULT_MEDIA_TYPE
from backstory.domain.keys import ContextKey
from backstory.errors import (
    ExistsError,
    InvalidError,
    MissingError,
    PreconditionError,
)

F = TypeVar("F", bound=Callable[..., Any])
_PIECE: Final = 256 * 1024
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


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
        click.argument("file", type=_FILE),
    ):
        function = add(function)
    return _server(function)


@click.group("content")
def command() -> None:
    """Store, fetch, edit and sync the large content of a context on a running server.

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
    with remote.client(url, token_file) as http, _opened(file) as source, _wanted():
        _make(http, context, create=create)
        size = file.stat().st_size
        with Bar("sending", size) as bar:
            head = remote.told(
                http.put(
                    _path(context),
                    content=_pieces(source, bar),
                    headers={"content-type": _type(file, media_type)},
                )
            )
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
    with remote.client(url, token_file) as http, _opened(file), _wanted():
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
        if not {"etag", "content-length"} <= answer.headers.keys():
            raise remote.stranger(answer)
        size = int(answer.headers["content-length"])
        with Bar("receiving", size) as bar, Target(file) as target:
            for piece in answer.iter_bytes(_PIECE):
                target.write(piece)
                bar.advance(len(piece))
    report = {"context": str(context), "file": file, "bytes": size}
    report |= {"etag": answer.headers["etag"], "media_type": answer.headers["content-type"]}
    _tell(report, f"{size:,} bytes", as_json=as_json, aside=file == STDOUT)


@command.command("edit")
@_server
@click.option("--offset", type=click.IntRange(min=0), help="The byte at which to begin.")
@click.option("--delete", type=click.IntRange(min=0), default=0, help="Bytes to take away there.")
@click.option("--insert", metavar="TEXT", help="Text to put there.")
@click.option("--insert-file", type=_FILE, help="File whose bytes to put there.")
@click.option(
    "--edits",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Several edits, as the body of the REST call; - is standard input.",
)
@click.option("--if-match", metavar="ETAG", help="Only what `get --json` told this etag of.")
def edit(
    *,
    context: ContextKey,
    url: str,
    token_file: str | None,
    as_json: bool,
    offset: int | None,
    delete: int,
    insert: str | None,
    insert_file: Path | None,
    edits: str | None,
    if_match: str | None,
) -> None:
    """Change a few bytes in the content of CONTEXT; only what lies around them is sent."""
    raw = editing.body(offset, delete, insert, insert_file, edits)
    headers = {"content-type": editing.MEDIA_TYPE}
    headers |= {"if-match": editing.tag(if_match)} if if_match is not None else {}
    with remote.client(url, token_file) as http:
        head = remote.told(http.patch(_path(context), content=raw, headers=headers))
    size = head["content"]["size"]
    _tell(
        {"context": str(context), "version": head["version"], "size": size, "sent_bytes": len(raw)},
        f"{context} is at version {head['version']}: {size:,} bytes",
        as_json=as_json,
    )


@contextlib.contextmanager
def _wanted() -> Iterator[None]:
    """Says of a context that is not there how to make it."""
    try:
        yield
    except MissingError as error:
        raise MissingError(f"{error.detail}; --create makes it") from error


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise InvalidError(f"{file} cannot be read: {error.strerror}") from error


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


def _tell(report: dict[str, Any], text: str, *, as_json: bool, aside: bool = False) -> None:
    """On standard error where standard output holds the content."""
    click.echo(json.dumps(report) if as_json else text, err=aside or not as_json)
