"""Content: the large body of a context, in and out in pieces, whole or in ranges."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any, Final

from blake3 import blake3
from starlette.types import ASGIApp

from backstory.contexts.contents.fetching import Content
from backstory.contexts.contents.storing import Sent as SentBody
from backstory.contexts.writing import Intent, Retry
from backstory.domain.commits import Operation, PutContent
from backstory.domain.content import (
    DEFAULT_MEDIA_TYPE,
    NewContent,
    check_media_type,
    check_size,
)
from backstory.domain.policy import Verb
from backstory.errors import (
    ChunksMissingError,
    ContentCorruptError,
    GoneError,
    KeyReusedError,
    PatchConflictError,
    PreconditionError,
    RangeError,
    SchemaError,
    TooLargeError,
    UnsupportedMediaError,
    UploadsFullError,
    VersionConflictError,
)
from backstory.transports.edge import body as bodies
from backstory.transports.edge.answer import Answer, RawHeaders
from backstory.transports.rest import contexts, media, params, ranges, schemas
from backstory.transports.rest.answers import CACHING, SAFE
from backstory.transports.rest.bodies import Sent
from backstory.transports.rest.call import Call
from backstory.transports.rest.content_bodies import edits_of, manifest_of
from backstory.transports.rest.content_chunks import manifest_page
from backstory.transports.rest.streams import Streamed, begun
from backstory.transports.rest.table import Body, Endpoint, Reply
from backstory.transports.rest.tags import ANY
from backstory.transports.rest.writes import head_answer, idempotency_key, replayed, write

PATH: Final = contexts.PATH + "/content"
TAG: Final = "Content"


async def get_content(call: Call) -> ASGIApp:
    """The bytes, or a `Range` of them; with `Accept` of a manifest, the list of their chunks."""
    if media.wants(call.scope, media.MANIFEST):
        return await manifest_page(call)
    content = await call.contexts.fetcher.open(call.principal, call.key, call.query["at"])
    version = content.head.version
    if _unchanged(call, content):
        return call.empty(304, version=version)
    spans = None
    if not call.head_only and _same_as_before(call, content):
        spans = ranges.asked(call.header(b"range"), content.ref.size)
    return await _answer(call, content, spans)


async def _answer(call: Call, content: Content, spans: Any) -> Streamed:
    size, media_type = content.ref.size, content.ref.media_type.encode("latin-1")
    headers: RawHeaders = [
        call.tags.header(content.head.version),
        (b"accept-ranges", b"bytes"),
        *CACHING,
        *SAFE,
    ]
    if spans is None:
        pieces = _nothing() if call.head_only else content.pieces(0, size)
        return Streamed(200, [*headers, (b"content-type", media_type)], size, await begun(pieces))
    if len(spans) == 1:
        start, stop = spans[0]
        told = (b"content-range", ranges.content_range(spans[0], size))
        pieces = await begun(content.pieces(start, stop))
        return Streamed(206, [*headers, (b"content-type", media_type), told], stop - start, pieces)
    boundary = secrets.token_hex(ranges.BOUNDARY_BYTES)
    parts = ranges.Multipart(boundary, content.ref.media_type, spans, size)
    pieces = await begun(parts.pieces(content.pieces))
    return Streamed(206, [*headers, (b"content-type", parts.media_type)], parts.length, pieces)


async def _nothing() -> AsyncIterator[bytes]:
    for piece in tuple[bytes, ...]():
        yield piece


def _unchanged(call: Call, content: Content) -> bool:
    """Whether the caller has these bytes already: other parts of the context may have changed."""
    head = content.head
    wanted = call.named("If-Match")
    if wanted is not None and not _names(wanted, content):
        raise PreconditionError(f"{call.key} is at version {head.version}", current=head.version)
    known = call.named("If-None-Match")
    return known is not None and _names(known, content)


def _names(named: Any, content: Content) -> bool:
    """Whether a condition names a version with this content."""
    head = content.head
    return named == ANY or any(head.content_version <= v <= head.version for v in named)


def _same_as_before(call: Call, content: Content) -> bool:
    """Whether a range may be answered (section 13.1.5): the rest is what the caller has."""
    text = call.header(b"if-range")
    if text is None:
        return True
    if not text.startswith('"'):  # a date, which nothing here has, or a weak tag
        return False
    named = call.tags.versions("If-Range", text)
    return named != ANY and _names(named, content)


async def put_content(call: Call) -> Answer:
    """Replaces the content: by the body as it comes, or by a manifest of chunks that are there."""
    if media.essence(call.scope) == media.MANIFEST:
        return await _put_manifest(call)
    key = idempotency_key(call)
    media_type = check_media_type(call.header(b"content-type") or DEFAULT_MEDIA_TYPE)
    scope = call.scope

    def retry(digest: bytes) -> Retry | None:
        if key is None:
            return None
        place = (scope["method"].encode(), scope["path"].encode(), scope["query_string"])
        return Retry(key, (*place, media_type.encode(), digest))

    check_size(bodies.declared(scope) or 0)
    body = bodies.stream(scope, call.receive)
    sent = SentBody(body, media_type, call.conditions(), key is not None, retry)
    outcome = await call.contexts.storer.put(call.principal, call.key, sent)
    return await head_answer(call, outcome, call.key, created=False)


async def _put_manifest(call: Call) -> Answer:
    key, hold = call.key, call.contexts.transfer.hold(call.principal)

    def make(value: Any) -> list[Operation]:
        manifest, media_type = manifest_of(value)
        content = NewContent(manifest, media_type, hold)
        return [PutContent(key, content, None, call.conditions())]

    await call.read_body((media.MANIFEST,))
    sent = await Sent.of(call.body, make, call.measure)
    outcome = await write(call, [Intent(Verb.WRITE, key)], sent.build, sent.raw)
    return await head_answer(call, outcome, call.key, created=False)


async def patch_content(call: Call) -> Answer:
    """Changes some bytes; offsets count those of the content as it stands before."""
    raw = call.body
    edits = await edits_of(raw, call.measure)
    key = idempotency_key(call)
    retry = None
    if key is not None:
        scope = call.scope
        place = (scope["method"].encode(), scope["path"].encode(), scope["query_string"])
        retry = Retry(key, (*place, blake3(raw).digest()))
    editor = call.contexts.editor
    outcome = await editor.patch(call.principal, call.key, edits, call.conditions(), retry)
    return await head_answer(call, outcome, call.key, created=False)


async def delete_content(call: Call) -> Answer:
    """Takes the content away; earlier versions keep theirs."""
    key = call.key
    outcome = await write(
        call, [Intent(Verb.WRITE, key)], lambda: [PutContent(key, None, None, call.conditions())]
    )
    return call.empty(204, version=outcome.results[0].version, extra=replayed(outcome))


_HEAD = Reply("The head after the write.", schemas.Head, etag=True)
_EXAMPLE_HASH: Final = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"

GET: Final = Endpoint(
    method="GET",
    path=PATH,
    handler=get_content,
    tag=TAG,
    summary="Read the content",
    query=(params.version("at", "Read the content as it was at this version."), *params.CHUNKS),
    replies={
        200: Reply("All of it.", schemas.Bytes, media=media.ANYTHING, etag=True),
        206: Reply("The range that was asked for.", schemas.Bytes, media=media.ANYTHING, etag=True),
        304: Reply("The caller has this content already.", etag=True),
    },
    errors=(GoneError, PreconditionError, RangeError, ContentCorruptError),
    conditional=True,
)
PUT: Final = Endpoint(
    method="PUT",
    path=PATH,
    handler=put_content,
    tag=TAG,
    summary="Replace the content",
    bodies=(
        Body(
            media.MANIFEST,
            schemas.PutManifest,
            {"media_type": "text/plain", "chunks": [{"hash": _EXAMPLE_HASH, "size": 16384}]},
        ),
        Body(media.ANYTHING, schemas.Bytes, "any bytes"),
    ),
    replies={200: _HEAD},
    errors=(
        ChunksMissingError,
        PreconditionError,
        TooLargeError,
        UnsupportedMediaError,
        UploadsFullError,
        SchemaError,
        KeyReusedError,
    ),
    writes=True,
    conditional=True,
    streams=True,
    waits=True,
)
PATCH: Final = Endpoint(
    method="PATCH",
    path=PATH,
    handler=patch_content,
    tag=TAG,
    summary="Change some bytes of the content",
    bodies=(
        Body(
            media.EDITS,
            schemas.PatchContent,
            {"edits": [{"offset": 120, "delete": 5, "insert": "hello"}]},
        ),
    ),
    replies={200: _HEAD},
    errors=(
        VersionConflictError,
        PatchConflictError,
        PreconditionError,
        TooLargeError,
        UnsupportedMediaError,
        UploadsFullError,
        SchemaError,
        KeyReusedError,
        ContentCorruptError,
    ),
    writes=True,
    conditional=True,
)
DELETE: Final = Endpoint(
    method="DELETE",
    path=PATH,
    handler=delete_content,
    tag=TAG,
    summary="Take the content away",
    replies={204: Reply("It is gone from the present.", etag=True)},
    errors=(PreconditionError, KeyReusedError),
    writes=True,
    conditional=True,
)

ENDPOINTS: Final = (GET, PUT, PATCH, DELETE)
