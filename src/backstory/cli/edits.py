"""What `backstory content edit` sends: one edit from its options, or a file of several."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import click

from backstory import limits
from backstory.errors import InvalidError, TooLargeError

MEDIA_TYPE = "application/vnd.backstory.edits+json"


def body(
    offset: int | None, delete: int, insert: str | None, insert_file: Path | None, file: str | None
) -> bytes:
    """The body of the request.

    Raises:
        UsageError: the options contradict each other, or say nothing.
        InvalidError: a file cannot be read.
        TooLargeError: over `limits.BODY_BYTES`.
    """
    alone = (offset, insert, insert_file) == (None, None, None) and not delete
    if file is not None:
        if not alone:
            raise click.UsageError("--edits says all of it; leave the other options out")
        return _bounded(_read(file))
    if offset is None:
        raise click.UsageError("--offset says where; --edits takes several edits from a file")
    if insert is not None and insert_file is not None:
        raise click.UsageError("--insert and --insert-file exclude each other")
    if not delete and not insert and insert_file is None:
        raise click.UsageError("nothing to change; say --delete, --insert or --insert-file")
    edit: dict[str, Any] = {"offset": offset, "delete": delete}
    if insert_file is not None:
        edit["insert_base64"] = base64.b64encode(_read(str(insert_file))).decode()
    elif insert:
        edit["insert"] = insert
    return _bounded(json.dumps({"edits": [edit]}).encode())


def _read(name: str) -> bytes:
    try:
        with click.open_file(name, "rb") as opened:
            raw: bytes = opened.read(limits.BODY_BYTES + 1)
    except OSError as error:
        raise InvalidError(f"{name} cannot be read: {error.strerror}") from error
    return raw


def _bounded(raw: bytes) -> bytes:
    if len(raw) > limits.BODY_BYTES:
        raise TooLargeError(
            f"an edit may have {limits.BODY_BYTES} bytes, encoded; `content sync` sends large changes",
            limit="BODY_BYTES",
        )
    return raw


def tag(text: str) -> str:
    """An entity tag, whose quotes a shell may have eaten."""
    return text if '"' in text or text == "*" else f'"{text}"'
