"""What `backstory content edit` sends: one edit from its options, or a file of several."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import click

from backstory import limits
from backstory.domain import strict_json
from backstory.errors import InvalidError, TooLargeError

MEDIA_TYPE = "application/vnd.backstory.edits+json"


def edits(
    offset: int | None, delete: int, insert: str | None, insert_file: Path | None, file: str | None
) -> Any:
    """The body of the request.

    Raises:
        UsageError: the options contradict each other, or say nothing.
        InvalidError: a file cannot be read, or is no JSON.
    """
    alone = (offset, insert, insert_file) == (None, None, None) and not delete
    if file is not None:
        if not alone:
            raise click.UsageError("--edits says all of it; leave the other options out")
        return _from_file(file)
    if offset is None:
        raise click.UsageError("--offset says where; --edits takes several edits from a file")
    if insert is not None and insert_file is not None:
        raise click.UsageError("--insert and --insert-file exclude each other")
    if not delete and not insert and insert_file is None:
        raise click.UsageError("nothing to change; say --delete, --insert or --insert-file")
    edit: dict[str, Any] = {"offset": offset, "delete": delete}
    if insert_file is not None:
        edit["insert_base64"] = base64.b64encode(_read(insert_file)).decode()
    elif insert:
        edit["insert"] = insert
    return {"edits": [edit]}


def _from_file(name: str) -> Any:
    try:
        with click.open_file(name, "rb") as opened:
            raw: bytes = opened.read(limits.BODY_BYTES + 1)
    except OSError as error:
        raise InvalidError(f"{name} cannot be read: {error.strerror}") from error
    try:
        return strict_json.loads(_bounded(name, raw))
    except InvalidError as error:
        raise type(error)(f"{name}: {error.detail}") from error


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return _bounded(str(file), opened.read(limits.BODY_BYTES + 1))
    except OSError as error:
        raise InvalidError(f"{file} cannot be read: {error.strerror}") from error


def _bounded(name: str, raw: bytes) -> bytes:
    if len(raw) > limits.BODY_BYTES:
        raise TooLargeError(
            f"{name} has more than {limits.BODY_BYTES} bytes; `content sync` sends large changes",
            limit="BODY_BYTES",
        )
    return raw
