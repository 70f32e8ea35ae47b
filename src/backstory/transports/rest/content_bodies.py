"""What is sent about content: manifests, edits, and questions which chunks are missing."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Any

from msgspec import UNSET

from backstory import limits
from backstory.domain import intake
from backstory.domain.content import (
    DEFAULT_MEDIA_TYPE,
    ChunkRef,
    Manifest,
    check_manifest,
    check_media_type,
    hash_of,
)
from backstory.domain.edits import Edit
from backstory.errors import MalformedError, TooLargeError
from backstory.ports.hooks import Measure
from backstory.processing import steps
from backstory.transports.edge import strict_json
from backstory.transports.rest import schemas
from backstory.transports.rest.bodies import shaped


def manifest_of(value: Any) -> tuple[Manifest, str]:
    """The manifest that a body spells, and the media type of its content.

    Raises:
        SchemaError, MalformedError: it spells none.
        TooLargeError: more chunks or bytes than content may have.
    """
    # One by one, since no other thread has its turn while a list is converted as a whole.
    listed: list[Any] = []
    if isinstance(value, dict) and isinstance(value.get("chunks"), list):
        listed, value = value["chunks"], {**value, "chunks": []}
    body = shaped(value, schemas.PutManifest)
    shapes = (
        shaped(chunk, schemas.ChunkRef, f"/chunks/{place}") for place, chunk in enumerate(listed)
    )
    chunks = (ChunkRef(hash_of(shape.hash), shape.size) for shape in shapes)
    return check_manifest(chunks), check_media_type(body.media_type or DEFAULT_MEDIA_TYPE)


async def edits_of(raw: bytes, measure: Measure) -> list[Edit]:
    """The edits that a body spells.

    Raises:
        SchemaError, MalformedError: it spells none.
        TooLargeError: more than `limits.CONTENT_EDITS`.
    """
    if len(raw) <= strict_json.INLINE_BYTES:
        return steps.run(measure, steps.PARSE, _edits, raw)
    return await asyncio.to_thread(steps.run, measure, steps.PARSE, _edits, raw)


def _edits(raw: bytes) -> list[Edit]:
    body = shaped(strict_json.loads(raw), schemas.PatchContent)
    if len(body.edits) > limits.CONTENT_EDITS:
        raise TooLargeError(
            f"{len(body.edits)} edits at once; at most {limits.CONTENT_EDITS}",
            limit="CONTENT_EDITS",
        )
    return [
        Edit(edit.offset, edit.delete, _insert(edit, f"/edits/{index}"))
        for index, edit in enumerate(body.edits)
    ]


def _insert(edit: schemas.ContentEdit, pointer: str) -> bytes:
    if edit.insert_base64 is UNSET:
        return edit.insert.encode()
    if edit.insert:
        raise intake.wrong(pointer, "has both insert and insert_base64; send one of them")
    try:
        return base64.b64decode(edit.insert_base64, validate=True)
    except (binascii.Error, ValueError) as error:
        raise intake.wrong(f"{pointer}/insert_base64", "is not base64 (RFC 4648)") from error


async def hashes_of(raw: bytes) -> list[bytes]:
    """The hashes that a question names.

    Raises:
        SchemaError, MalformedError: it names none.
        TooLargeError: more than `limits.CHUNKS_ASKED`.
    """
    if len(raw) <= strict_json.INLINE_BYTES:
        return _hashes(raw)
    return await asyncio.to_thread(_hashes, raw)


def _hashes(raw: bytes) -> list[bytes]:
    hashes = shaped(strict_json.loads(raw), schemas.AskMissing).hashes
    if len(hashes) > limits.CHUNKS_ASKED:
        raise TooLargeError(
            f"{len(hashes)} hashes at once; at most {limits.CHUNKS_ASKED}", limit="CHUNKS_ASKED"
        )
    return [hash_of(text) for text in hashes]


def path_hash(text: str) -> bytes:
    """The hash that a path names.

    Raises:
        MalformedError: it is none.
    """
    try:
        return hash_of(text)
    except MalformedError as error:
        raise MalformedError(f"the chunk's name in the path: {error.detail}") from error
