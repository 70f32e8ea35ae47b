"""The zstd module (RFC 8878) of Python 3.14's standard library, or its backport."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import (
        CompressionParameter,
        DecompressionParameter,
        ZstdCompressor,
        ZstdDecompressor,
        ZstdDict,
        ZstdError,
        compress,
        decompress,
    )
else:
    from backports.zstd import (
        CompressionParameter,
        DecompressionParameter,
        ZstdCompressor,
        ZstdDecompressor,
        ZstdDict,
        ZstdError,
        compress,
        decompress,
    )

__all__ = [
    "CompressionParameter",
    "DecompressionParameter",
    "ZstdCompressor",
    "ZstdDecompressor",
    "ZstdDict",
    "ZstdError",
    "compress",
    "decompress",
    "whole",
]


def whole(
    frame: bytes, most: int, dictionary: ZstdDict | tuple[ZstdDict, int] | None = None
) -> bytes:
    """What a whole frame holds.

    Raises:
        ZstdError: it is damaged or cut off, or holds more than `most` bytes.
    """
    decompressor = ZstdDecompressor(dictionary)
    plain = decompressor.decompress(frame, most + 1)
    if not decompressor.eof or len(plain) > most:
        raise ZstdError(f"the frame is cut off, or holds more than {most} bytes")
    return plain
