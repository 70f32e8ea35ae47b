"""Ranges of bytes (RFC 9110 section 14): read from a request, and told in an answer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from backstory import limits
from backstory.errors import RangeError

Span = tuple[int, int]
"""Bytes from the first to the last (excluded)."""

_RANGE = re.compile(r"(\d{1,19})-(\d{0,19})\Z|-(\d{1,19})\Z", re.ASCII)


def asked(header: str | None, size: int) -> Sequence[Span] | None:
    """The spans of a `Range` header; None where all of the content is to be answered.

    What is no list of byte ranges, or more than `limits.CONTENT_RANGES` of them, is ignored, as
    section 14.2 allows.

    Raises:
        RangeError: none of them lies within the content.
    """
    unit, _, text = (header or "").partition("=")
    items = [item.strip() for item in text.split(",") if item.strip()]
    matches = [_RANGE.match(item) for item in items]
    if unit.strip().lower() != "bytes" or not 0 < len(items) <= limits.CONTENT_RANGES:
        return None
    spans: list[Span] = []
    for match in matches:
        if match is None:
            return None
        first, last, suffix = match.groups()
        if first is not None and last and int(last) < int(first):
            return None
        spans.append(_span(first, last, suffix, size))
    found = [(start, stop) for start, stop in spans if start < stop]
    if not found:
        raise RangeError(
            f"the content has {size} bytes; ask for a range within them",
            content_range=f"bytes */{size}",
        )
    return found


def _span(first: str | None, last: str | None, suffix: str | None, size: int) -> Span:
    if first is None:
        return max(size - int(suffix or 0), 0), size
    return int(first), min(int(last) + 1 if last else size, size)


def content_range(span: Span, size: int) -> bytes:
    """The value of `Content-Range`."""
    start, stop = span
    return b"bytes %d-%d/%d" % (start, stop - 1, size)


BOUNDARY_BYTES: Final = 12
Pieces = Callable[[int, int], AsyncIterator[bytes]]


class Multipart:
    """Several ranges as `multipart/byteranges` (section 14.6)."""

    def __init__(self, boundary: str, media_type: str, spans: Sequence[Span], size: int) -> None:
        self._boundary = boundary.encode()
        self._media_type = media_type.encode("latin-1")
        self._spans = spans
        self._size = size

    @property
    def media_type(self) -> bytes:
        return b"multipart/byteranges; boundary=" + self._boundary

    @property
    def length(self) -> int:
        """Bytes of the whole body."""
        parts = sum(len(self._head(span)) + span[1] - span[0] for span in self._spans)
        return parts + len(self._end)

    async def pieces(self, read: Pieces) -> AsyncIterator[bytes]:
        for span in self._spans:
            yield self._head(span)
            async for piece in read(*span):
                yield piece
        yield self._end

    def _head(self, span: Span) -> bytes:
        return b"\r\n--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n" % (
            self._boundary,
            self._media_type,
            content_range(span, self._size),
        )

    @property
    def _end(self) -> bytes:
        return b"\r\n--%s--\r\n" % self._boundary
