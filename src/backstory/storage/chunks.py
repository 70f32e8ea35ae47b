"""How the bytes of a chunk are kept: as they are, or as a zstd frame (RFC 8878) where that pays.

Whatever is read back is compared with the hash that the manifest has of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from blake3 import blake3

from backstory import zstd
from backstory.domain.chunking import Chunk
from backstory.domain.content import ChunkRef
from backstory.errors import ContentCorruptError

_LEVEL = 3
_PAYS = 0.97  # of the size; a frame that saves less is not worth decoding


class Codec(IntEnum):
    """How a body is to be read. The numbers are stored and never change."""

    RAW = 0
    ZSTD = 1


Encoded = tuple[ChunkRef, Codec, bytes]


def encode(chunks: Iterable[Chunk]) -> list[Encoded]:
    """What is to be stored of each."""
    compressor = zstd.ZstdCompressor(_LEVEL)
    return [(chunk.ref, *_encode(compressor, chunk.data)) for chunk in chunks]


def _encode(compressor: zstd.ZstdCompressor, data: bytes) -> tuple[Codec, bytes]:
    frame = compressor.compress(data, compressor.FLUSH_FRAME)
    return (Codec.ZSTD, frame) if len(frame) <= _PAYS * len(data) else (Codec.RAW, data)


def decode(ref: ChunkRef, codec: int | None, body: bytes | None) -> bytes:
    """The chunk's bytes.

    Raises:
        ContentCorruptError: there are none, or others than it was made of.
    """
    data = bytes_of(ref.size, codec, body)
    if blake3(data).digest() != ref.hash:
        state = "is not there" if body is None else "is damaged"
        raise ContentCorruptError(
            f"the chunk {ref.hash.hex()} {state}; send the content anew or restore a backup",
            chunk=ref.hash.hex(),
        )
    return data


def bytes_of(size: int, codec: int | None, body: bytes | None) -> bytes:
    """What a body holds; nothing where there is none, or a frame cannot be read.

    Nor where it would be larger than the chunk ever was.
    """
    if body is None or codec != Codec.ZSTD:
        return body or b""
    try:
        return zstd.ZstdDecompressor().decompress(body, size + 1)
    except zstd.ZstdError:
        return b""
