"""How an entry's content is kept: as the JSON that it is, or as a zstd frame behind a mark.

The mark is a byte that no JSON begins with, and tells the content's shape. Frames are without
magic number (RFC 8878 section 3.1.1.1 has the rest), since each byte counts for a message of
some 250.
"""

from __future__ import annotations

import threading

import zstandard

from backstory import limits
from backstory.domain.entries import Shape

_LEVEL = 1
_WORTH_TRYING = 128  # bytes; below that frames save next to nothing
_SHAPES = tuple(Shape)
_MARKS = tuple(bytes([shape]) for shape in _SHAPES)
_MARKS_END = len(_SHAPES)
_BEGINNING = 256  # bytes of content without a mark that an outline has to have
_FORMAT = zstandard.FORMAT_ZSTD1_MAGICLESS


class _Codecs(threading.local):
    """One pair for each thread: they must not be shared."""

    def __init__(self) -> None:
        parameters = zstandard.ZstdCompressionParameters.from_level(
            _LEVEL, format=_FORMAT, source_size=limits.KIB
        )
        self.small = zstandard.ZstdCompressor(compression_params=parameters)
        self.decompressor = zstandard.ZstdDecompressor(format=_FORMAT)


_codecs = _Codecs()


def encode(content: bytes) -> bytes:
    """What to store: a frame where it is smaller by an eighth."""
    if len(content) < _WORTH_TRYING:
        return content
    frame = _compressor(len(content)).compress(content)
    return (
        _MARKS[Shape.of(content)] + frame
        if len(frame) < len(content) - len(content) // 8
        else content
    )


def decode(stored: bytes) -> bytes:
    """The content, byte for byte."""
    if stored[0] >= _MARKS_END:
        return stored
    return _codecs.decompressor.decompress(stored[1:], max_output_size=limits.ENTRY_BYTES)


def shape(beginning: bytes) -> Shape:
    """What is known from a mark, or from the first 256 bytes of content without one."""
    if beginning[0] < _MARKS_END:
        return _SHAPES[beginning[0]]
    whole = len(beginning) < _BEGINNING
    return Shape.of(beginning) if whole else min(Shape.of(beginning), Shape.TEXT)


def size(header: bytes, stored: int) -> int:
    """The content's bytes, told from how many are stored, and the first 19 of those."""
    if header[0] >= _MARKS_END:
        return stored
    return zstandard.get_frame_parameters(header[1:], format=_FORMAT).content_size


def _compressor(length: int) -> zstandard.ZstdCompressor:
    if length <= 16 * limits.KIB:
        return _codecs.small
    parameters = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL, format=_FORMAT, source_size=length
    )
    return zstandard.ZstdCompressor(compression_params=parameters)
