"""The ASGI application that decodes requests and codes answers for the one behind it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backstory import limits
from backstory.errors import UnsupportedMediaError
from backstory.transports.edge import headers
from backstory.transports.edge.answer import Answer
from backstory.transports.edge.coding.codecs import BY_NAME, CODECS, Codec, Decoder, Encoder
from backstory.transports.edge.coding.negotiating import IDENTITY, choose
from backstory.transports.edge.coding.variants import Variants

_COMPRESSIBLE = re.compile(
    rb"(?:text/(?!event-stream)|application/(?:[\w.-]+\+)?(?:json|xml|yaml|javascript)|image/svg)"
)
_BODILESS: Final = frozenset({204, 206, 304})
_STRONG_TAG = re.compile(rb'"[^"]*"\Z')
RawHeaders = list[tuple[bytes, bytes]]


class Coding:
    """Codes what the caller accepts and what is worth it; leaves everything else as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.variants = self._variants = Variants()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope, receive = _decoded(scope, receive)
        codec = choose(headers.joined(scope, b"accept-encoding"))
        kept = headers.joined(scope, b"if-none-match")
        if kept is not None:
            send = _unchanged(kept.encode("latin-1"), codec, send)
        if codec is not None:
            send = _Answer(codec, self._variants, send)
        await self._app(scope, receive, send)

    def coded(self, scope: Scope, answer: Answer) -> Answer | None:
        """A whole answer as the caller likes it best; None where making that takes long.

        Raises:
            NotAcceptableError: as `liked`.
        """
        codec = choose(headers.joined(scope, b"accept-encoding"))
        if answer.status == 304:
            kept = headers.joined(scope, b"if-none-match")
            if kept is None or "-" not in kept:  # it is the tag of no coded answer
                return answer
            return _retagged(answer, kept.encode("latin-1"), codec)
        if codec is None:
            return answer
        known = answer.variants.get(codec.name)
        if known is not None:
            return self._variants.seen.seen(known)
        if not _worth_coding(answer.status, answer.headers):
            return answer
        if len(answer.body) > limits.INLINE_BYTES:
            return None
        return _variant(codec, answer, self._variants.made(codec, answer.body))

    def liked(self, scope: Scope) -> Codec | None:
        """What the caller likes best, None for nothing; to be asked before anything is done.

        Raises:
            NotAcceptableError: the caller takes none of ours, and not the plain answer either.
        """
        return choose(headers.joined(scope, b"accept-encoding"))

    async def best(self, scope: Scope, answer: Answer, codec: Codec | None) -> Answer:
        """As `coded`, however long that takes, for a caller who likes the codec."""
        coded = self.coded(scope, answer)
        if coded is not None or codec is None:
            return coded or answer
        return _variant(codec, answer, await self._variants.made_apart(codec, answer.body))


# -- requests --------------------------------------------------------------------------


def _decoded(scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
    """The request as if it had never been coded.

    Raises:
        UnsupportedMediaError: the coding is none of ours, or there are several.
    """
    coding = headers.joined(scope, b"content-encoding")
    if coding is None or coding.lower() in ("", IDENTITY):
        return scope, receive
    codec = BY_NAME.get(coding.lower())
    if codec is None:
        names = ", ".join(sorted({known.name for known in BY_NAME.values()}))
        raise UnsupportedMediaError(
            f"the body may be plain or coded once in {names}", accept_encoding=names
        )
    hidden = (b"content-encoding", b"content-length")
    plain = [(name, value) for name, value in scope["headers"] if name not in hidden]
    return {**scope, "headers": plain}, _pieces(receive, codec.decoder())


def _pieces(receive: Receive, decoder: Decoder) -> Receive:
    messages = _decode(receive, decoder)

    async def next_message() -> Message:
        message = await anext(messages, None)
        return await receive() if message is None else message

    return next_message


async def _decode(receive: Receive, decoder: Decoder) -> AsyncIterator[Message]:
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            yield message
            return
        more = message.get("more_body", False)
        for piece in decoder.feed(message.get("body", b"")):
            yield {"type": "http.request", "body": piece, "more_body": True}
            await asyncio.sleep(0)  # a bomb takes many pieces, and others want their turn
    decoder.finish()
    yield {"type": "http.request", "body": b"", "more_body": False}


# -- answers ---------------------------------------------------------------------------


class _Answer:
    """One answer on its way out."""

    def __init__(self, codec: Codec, variants: Variants, send: Send) -> None:
        self._codec, self._variants, self._send = codec, variants, send
        self._start: Message | None = None
        self._encoder: Encoder | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if _worth_coding(message["status"], message.get("headers", ())):
                self._start = {**message, "headers": _with_vary([*message["headers"]])}
                return
        elif message["type"] == "http.response.body":
            message = await self._body(message)
        await self._send(message)

    async def _body(self, message: Message) -> Message:
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._start is not None:
            start, self._start = self._start, None
            if not more:
                body = await self._whole(start, body)
                await self._send(start)
                return {"type": "http.response.body", "body": body}
            self._encoder = self._codec.encoder()
            start["headers"] = _coded_headers(start["headers"], self._codec, None)
            await self._send(start)
        if self._encoder is None:
            return message
        coded = b""
        if len(body) > limits.INLINE_BYTES:
            coded = await asyncio.to_thread(self._encoder.feed, body)
        elif body:
            coded = self._encoder.feed(body)
        if not more:
            coded += self._encoder.finish()
        return {"type": "http.response.body", "body": coded, "more_body": more}

    async def _whole(self, start: Message, plain: bytes) -> bytes:
        """The coded body, or the plain one where that is no longer."""
        coded = await self._variants.made_apart(self._codec, plain)
        if coded is not plain:
            start["headers"] = _coded_headers(start["headers"], self._codec, len(coded))
        return coded


def _variant(codec: Codec, answer: Answer, coded: bytes) -> Answer:
    """The answer with a coded body, or with the plain one as what it might have been coded to."""
    found = _with_vary(answer.headers)
    if coded is not answer.body:
        found = _coded_headers(found, codec, len(coded))
    known = answer.variants[codec.name] = answer.changed(found, coded)
    return known


def _worth_coding(status: int, said: Iterable[tuple[bytes, bytes]]) -> bool:
    if status in _BODILESS:
        return False
    media = b""
    for name, value in said:
        if name == b"content-type":
            media = value
        elif name == b"content-encoding" or (name == b"cache-control" and b"no-transform" in value):
            return False
    return _COMPRESSIBLE.match(media) is not None


def _coded_headers(plain: RawHeaders, codec: Codec, length: int | None) -> RawHeaders:
    coded = [
        (name, _coded_tag(value, codec) if name == b"etag" else value)
        for name, value in plain
        if name not in (b"content-length", b"accept-ranges")
    ]
    coded.append((b"content-encoding", codec.name.encode()))
    if length is not None:
        coded.append((b"content-length", b"%d" % length))
    return coded


def _with_vary(plain: RawHeaders) -> RawHeaders:
    """Said of the plain answer too, or a cache would hand it to everybody."""
    if any(name == b"vary" and b"accept-encoding" in value.lower() for name, value in plain):
        return plain
    return [*plain, (b"vary", b"Accept-Encoding")]


def _unchanged(kept: bytes, codec: Codec | None, send: Send) -> Send:
    """Sends on; a 304 carries the tag that the caller keeps the answer under.

    A cache updates what it finds by that tag (RFC 9111 section 4.3.4), and only this room knows
    that the same version has several.
    """

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 304:
            found = [
                (name, _kept_tag(value, kept, codec) if name == b"etag" else value)
                for name, value in message["headers"]
            ]
            message = {**message, "headers": found}
        await send(message)

    return told


def _retagged(answer: Answer, kept: bytes, codec: Codec | None) -> Answer:
    found = [
        (name, _kept_tag(value, kept, codec) if name == b"etag" else value)
        for name, value in answer.headers
    ]
    return answer if found == answer.headers else answer.changed(found, answer.body)


def _kept_tag(tag: bytes, kept: bytes, codec: Codec | None) -> bytes:
    if tag == kept:
        return tag
    coded = [_coded_tag(tag, each) for each in CODECS]
    first = [] if codec is None else [_coded_tag(tag, codec)]
    return next((each for each in (*first, tag, *coded) if each in kept), tag)


def _coded_tag(tag: bytes, codec: Codec) -> bytes:
    """Other bytes need another strong tag (RFC 9110 section 8.8.3.3)."""
    return tag[:-1] + b"-" + codec.suffix.encode() + b'"' if _STRONG_TAG.match(tag) else tag
