"""One face for three codings: whole answers, streams, and decoding piece by piece."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import brotli

from backstory import limits, zstd
from backstory.errors import MalformedError

_GZIP_WINDOW: Final = 31  # zlib's way to say: with a gzip header
_ZSTD_WINDOW_LOG: Final = 23  # 8 MiB, which RFC 8878 section 3.1.1.1.2 asks all to support


class Encoder(Protocol):
    """Codes one answer; every `feed` may be decoded at once by who receives it."""

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class Decoder(Protocol):
    """Decodes one body in pieces of about `limits.CODED_PIECE_BYTES`, whatever comes in."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What can be decoded now.

        Raises:
            MalformedError: it is not coded so.
        """
        ...

    def finish(self) -> None:
        """Pass where the body is complete.

        Raises:
            MalformedError: it was cut off.
        """
        ...


@dataclass(frozen=True, slots=True)
class Codec:
    """A content coding by its registered name; `suffix` marks the ETags of coded answers."""

    name: str
    suffix: str
    compress: Callable[[bytes], bytes]
    encoder: Callable[[], Encoder]
    decoder: Callable[[], Decoder]


def _wrong(name: str) -> MalformedError:
    return MalformedError(f"the body is not coded in {name}, as Content-Encoding says")


def _cut_off(name: str) -> MalformedError:
    return MalformedError(f"the body coded in {name} is cut off")


# -- gzip ------------------------------------------------------------------------------


class _GzipEncoder:
    def __init__(self) -> None:
        self._encoder = zlib.compressobj(limits.GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)

    def feed(self, data: bytes) -> bytes:
        return self._encoder.compress(data) + self._encoder.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._encoder.flush()


class _GzipDecoder:
    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(_GZIP_WINDOW)

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                if self._decoder.eof:
                    raise _wrong("gzip")
                yield self._decoder.decompress(data, limits.CODED_PIECE_BYTES)
                data = self._decoder.unconsumed_tail or self._decoder.unused_data
        except zlib.error as error:
            raise _wrong("gzip") from error

    def finish(self) -> None:
        if not self._decoder.eof:
            raise _cut_off("gzip")


def _gzip(data: bytes) -> bytes:
    return zlib.compress(data, limits.GZIP_LEVEL, _GZIP_WINDOW)


# -- Brotli ----------------------------------------------------------------------------


class _BrotliEncoder:
    def __init__(self) -> None:
        self._encoder = brotli.Compressor(mode=brotli.MODE_TEXT, quality=limits.BROTLI_QUALITY)

    def feed(self, data: bytes) -> bytes:
        coded: bytes = self._encoder.process(data) + self._encoder.flush()
        return coded

    def finish(self) -> bytes:
        rest: bytes = self._encoder.finish()
        return rest


class _BrotliDecoder:
    def __init__(self) -> None:
        self._decoder = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            if data and self._decoder.is_finished():
                raise _wrong("br")
            # All of the input may be taken while some of the output is still to come.
            while piece := self._decoder.process(
                data, output_buffer_limit=limits.CODED_PIECE_BYTES
            ):
                yield piece
                data = b""
        except brotli.error as error:
            raise _wrong("br") from error

    def finish(self) -> None:
        if not self._decoder.is_finished():
            raise _cut_off("br")


def _brotli(data: bytes) -> bytes:
    coded: bytes = brotli.compress(data, mode=brotli.MODE_TEXT, quality=limits.BROTLI_QUALITY)
    return coded


# -- zstd ------------------------------------------------------------------------------


class _ZstdEncoder:
    def __init__(self) -> None:
        self._encoder = zstd.ZstdCompressor(limits.ZSTD_LEVEL)

    def feed(self, data: bytes) -> bytes:
        return self._encoder.compress(data, zstd.ZstdCompressor.FLUSH_BLOCK)

    def finish(self) -> bytes:
        return self._encoder.flush()


class _ZstdDecoder:
    def __init__(self) -> None:
        bounds = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG}
        self._decoder = zstd.ZstdDecompressor(options=bounds)

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            if data and self._decoder.eof:
                raise _wrong("zstd")
            while data or not (self._decoder.needs_input or self._decoder.eof):
                yield self._decoder.decompress(data, limits.CODED_PIECE_BYTES)
                data = b""
            if self._decoder.unused_data:
                raise _wrong("zstd")
        except zstd.ZstdError as error:
            raise _wrong("zstd") from error

    def finish(self) -> None:
        if not self._decoder.eof:
            raise _cut_off("zstd")


def _zstd(data: bytes) -> bytes:
    return zstd.compress(data, limits.ZSTD_LEVEL)


ZSTD: Final = Codec("zstd", "zstd", _zstd, _ZstdEncoder, _ZstdDecoder)
BROTLI: Final = Codec("br", "br", _brotli, _BrotliEncoder, _BrotliDecoder)
GZIP: Final = Codec("gzip", "gzip", _gzip, _GzipEncoder, _GzipDecoder)

CODECS: Final = (ZSTD, BROTLI, GZIP)
"""In the order the server likes them: what costs least for about the same size comes first."""

BY_NAME: Final = {codec.name: codec for codec in CODECS} | {"x-gzip": GZIP}
