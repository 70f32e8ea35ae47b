"""How the past is kept small: each old document as its difference to the one that followed.

Differences are zstd frames (RFC 8878) that have the newer document as a dictionary. A frame
leans on its successor, so letting the oldest go never touches the rest. Every
`limits.SNAPSHOT_EVERY`th document is kept whole, which bounds the work of reading any.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import zstandard

from backstory import limits

_LEVEL = 1
_TINY = 64  # bytes below which a frame would not pay for itself
_WINDOW_LOG = 22  # reaches over a dictionary and a state of limits.STATE_BYTES each
_BIG = 256 * limits.KIB
_DECODED_BYTES = 2 * limits.STATE_BYTES + limits.MIB


class Codec(IntEnum):
    """How a body is to be read. The numbers are stored and never change."""

    RAW = 0
    WHOLE = 1
    DELTA = 2


def encode(old: bytes, new: bytes, *, run: int) -> tuple[Codec, bytes]:
    """The old document's body, and how to read it.

    `run` is how many documents kept just before lean on one another.
    """
    if len(old) <= _TINY:
        return Codec.RAW, old
    if run + 1 >= limits.SNAPSHOT_EVERY:
        return Codec.WHOLE, zstandard.ZstdCompressor(level=_LEVEL).compress(old)
    return Codec.DELTA, _compressor(len(old) + len(new), _dictionary(new)).compress(old)


def decode(bodies: Iterable[tuple[Codec, bytes]], newest: bytes) -> bytes:
    """The oldest document of a row of neighbours, given newest first.

    `newest` is the document behind them, on which the first may lean.
    """
    document = newest
    for codec, body in bodies:
        match codec:
            case Codec.RAW:
                document = body
            case Codec.WHOLE:
                document = _decompress(zstandard.ZstdDecompressor(), body)
            case Codec.DELTA:
                decompressor = zstandard.ZstdDecompressor(dict_data=_dictionary(document))
                document = _decompress(decompressor, body)
    return document


def _dictionary(raw: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(raw, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _compressor(size: int, dictionary: zstandard.ZstdCompressionDict) -> zstandard.ZstdCompressor:
    if size < _BIG:
        return zstandard.ZstdCompressor(level=_LEVEL, dict_data=dictionary)
    parameters = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL, window_log=_WINDOW_LOG, enable_ldm=True
    )
    return zstandard.ZstdCompressor(dict_data=dictionary, compression_params=parameters)


def _decompress(decompressor: zstandard.ZstdDecompressor, body: bytes) -> bytes:
    return decompressor.decompress(body, max_output_size=_DECODED_BYTES)
