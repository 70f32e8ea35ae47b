"""Large content, its manifests and chunks."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from backstory import limits

Bytes = Annotated[str, Meta(extra_json_schema={"format": "binary"})]

Hash = Annotated[
    str, Meta(pattern="^[0-9a-f]{64}$", description="The BLAKE3 hash of a chunk's bytes.")
]


class ChunkRef(Struct, forbid_unknown_fields=True):
    """A chunk by its hash, and how many bytes it has."""

    hash: Hash
    size: Annotated[int, Meta(ge=1, le=limits.CHUNK_BYTES)]


class PutManifest(Struct, forbid_unknown_fields=True):
    """Content as a list of chunks, all of which the caller may read or has uploaded."""

    chunks: list[ChunkRef]
    media_type: str | None = None


class ContentEdit(Struct, forbid_unknown_fields=True):
    """Takes bytes away at a place and puts others there: text as UTF-8, or base64."""

    offset: Annotated[int, Meta(ge=0, le=limits.CONTENT_BYTES)]
    delete: Annotated[int, Meta(ge=0, le=limits.CONTENT_BYTES)] = 0
    insert: str = ""
    insert_base64: str | UnsetType = UNSET


class PatchContent(Struct, forbid_unknown_fields=True):
    """Edits in order and apart; offsets count the bytes of the content before any of them."""

    edits: Annotated[list[ContentEdit], Meta(min_length=1)]


class AskMissing(Struct, forbid_unknown_fields=True):
    """The hashes of chunks that a manifest is going to name."""

    hashes: list[Hash]


class Content(Struct):
    """What names the content: the root hash of its manifest, its media type and bytes."""

    root: Hash
    media_type: str
    size: int


class Manifest(Content, kw_only=True):
    """Some chunks of content in order; `count` is how many there are, `next` where to go on."""

    count: int
    items: list[ChunkRef]
    next: int | None


class Missing(Struct):
    """The chunks that the caller would have to upload."""

    missing: list[Hash]
