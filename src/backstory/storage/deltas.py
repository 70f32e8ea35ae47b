"""How the past is kept small: each old document as its difference to the one that followed.

Differences are zstd frames (RFC 8878) that have the newer document as a dictionary. A frame
leans on its successor, so letting the oldest go never touches the rest. Every
`limits.SNAPSHOT_EVERY`th document is kept whole, which bounds the work of reading any.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from backstory import limits, zstd

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
        return Codec.WHOLE, zstd.compress(old, _LEVEL)
    return Codec.DELTA, _compress(old, new)


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
                document = _decompress(body, None)
            case Codec.DELTA:
                document = _decompress(body, document)
    return document


def _prefix(raw: bytes) -> zstd.ZstdDict:
    return zstd.ZstdDict(raw, is_raw=True)


def _compress(old: bytes, new: bytes) -> bytes:
    parameters = {int(zstd.CompressionParameter.compression_level): _LEVEL}
    if len(old) + len(new) >= _BIG:
        parameters |= {
            int(zstd.CompressionParameter.window_log): _WINDOW_LOG,
            int(zstd.CompressionParameter.enable_long_distance_matching): 1,
        }
    return zstd.compress(old, options=parameters, zstd_dict=_prefix(new).as_prefix)


def _decompress(body: bytes, newer: bytes | None) -> bytes:
    """The document in a frame, never more than a document can be.

    Raises:
        zstd.ZstdError: the frame is damaged.
    """
    return zstd.whole(body, _DECODED_BYTES, None if newer is None else _prefix(newer).as_prefix)
