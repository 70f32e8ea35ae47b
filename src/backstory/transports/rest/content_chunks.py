"""Manifests and chunks: a client that has most of some content moves only the rest."""

from __future__ import annotations

from typing import Final

from backstory import limits
from backstory.contexts import views
from backstory.errors import (
    ChunkMismatchError,
    ContentCorruptError,
    GoneError,
    PreconditionError,
    SchemaError,
    TooLargeError,
    UnsupportedMediaError,
    UploadsFullError,
)
from backstory.transports.edge import body as bodies
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import contexts, media, params, schemas
from backstory.transports.rest.answers import CACHING, SAFE, encode
from backstory.transports.rest.call import Call
from backstory.transports.rest.content_bodies import hashes_of, path_hash
from backstory.transports.rest.table import Body, Endpoint, Reply

PATH: Final = contexts.PATH + "/content"
TAG: Final = "Content"


async def get_manifest(call: Call) -> Answer:
    """The chunks of the content in their order, a page at a time; `next` is the next `after`."""
    return await manifest_page(call)


async def manifest_page(call: Call) -> Answer:
    """A page of the manifest, under the media type of one."""
    query = call.query
    found = await call.contexts.transfer.manifest(
        call.principal, call.key, query["at"], query["after"], query["limit"]
    )
    version = found.content.head.version
    if call.unchanged(version):
        return call.empty(304, version=version)
    headers = [call.tags.header(version), *CACHING, (b"vary", b"Accept")]
    return Answer(200, encode(views.manifest(found)), headers, media.MANIFEST.encode())


async def ask_missing(call: Call) -> Answer:
    """Which of these chunks the caller would have to upload.

    A chunk that only others have, where the caller may not read, is missing like any other.
    """
    hashes = await hashes_of(call.body)
    missing = await call.contexts.transfer.missing(call.principal, call.key, hashes)
    return call.json({"missing": [one.hex() for one in missing]})


async def get_chunk(call: Call) -> Answer:
    """The bytes of one chunk of this content."""
    data = await call.contexts.transfer.chunk(
        call.principal, call.key, path_hash(call.path("hash")), call.query["at"]
    )
    return Answer(200, data, [*CACHING, *SAFE], b"application/octet-stream")


async def put_chunk(call: Call) -> Answer:
    """Keeps one chunk for the caller, until a manifest names it or 24 hours are over."""
    name = path_hash(call.path("hash"))
    data = await bodies.read(call.scope, call.receive, limits.CHUNK_BYTES, "CHUNK_BYTES")
    await call.contexts.transfer.put_chunk(call.principal, call.key, name, data)
    return call.empty(204)


_AT: Final = params.version("at", "Of the content as it was at this version.")

MANIFEST: Final = Endpoint(
    method="GET",
    path=PATH + "/manifest",
    handler=get_manifest,
    tag=TAG,
    summary="List the chunks of the content",
    query=(_AT, *params.CHUNKS),
    replies={
        200: Reply("A page of chunks.", schemas.Manifest, media=media.MANIFEST, etag=True),
        304: Reply("The caller has this version already.", etag=True),
    },
    errors=(GoneError, PreconditionError, ContentCorruptError),
    conditional=True,
)
MISSING: Final = Endpoint(
    method="POST",
    path=PATH + "/missing",
    handler=ask_missing,
    tag=TAG,
    summary="Ask which chunks are missing",
    bodies=(
        Body(
            media.JSON,
            schemas.AskMissing,
            {"hashes": ["af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"]},
        ),
    ),
    replies={200: Reply("Those that are missing.", schemas.Missing)},
    errors=(TooLargeError, UnsupportedMediaError, SchemaError),
)
GET_CHUNK: Final = Endpoint(
    method="GET",
    path=PATH + "/chunks/{hash}",
    handler=get_chunk,
    tag=TAG,
    summary="Read one chunk",
    query=(_AT,),
    replies={200: Reply("Its bytes.", schemas.Bytes, media="application/octet-stream")},
    errors=(GoneError, ContentCorruptError),
)
PUT_CHUNK: Final = Endpoint(
    method="PUT",
    path=PATH + "/chunks/{hash}",
    handler=put_chunk,
    tag=TAG,
    summary="Upload one chunk",
    bodies=(Body(media.ANYTHING, schemas.Bytes, "any bytes"),),
    replies={204: Reply("It is kept.")},
    errors=(
        ChunkMismatchError,
        SchemaError,
        TooLargeError,
        UnsupportedMediaError,
        UploadsFullError,
    ),
    writes=True,
    streams=True,
)

ENDPOINTS: Final = (MANIFEST, MISSING, GET_CHUNK, PUT_CHUNK)
