"""Large content among Backstory's own lines: pieces that follow each other to its end.

{"context": "team/handbook", "content": {"media_type": "text/plain", "size": 997788,
                                         "offset": 262144, "data": "<base64>"}}
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any, Final

from backstory.domain.content import check_media_type, check_size
from backstory.domain.keys import ContextKey
from backstory.errors import BackstoryError, MalformedError
from backstory.processing.conversations import Bad, ContentPiece, Item, Place, Raw
from backstory.processing.sources.reading import a_text, an_object

MEMBER: Final = "content"
_MEMBERS: Final = ("media_type", "size", "offset", "data")


class Contents:
    """Lets pieces through in their order; what is missing is told once for each content."""

    def __init__(self) -> None:
        self._last: ContentPiece | None = None
        self._broken: ContextKey | None = None

    def take(self, line: Raw, place: Place) -> Iterator[Item]:
        """The piece of a line, where it is the next one."""
        key = ContextKey.parse(a_text(line.get("context"), "context"))
        try:
            piece = _piece(line, key, place)
        except BackstoryError:
            self._last, self._broken = None, key
            raise
        if self._last is not None and not piece.follows(self._last):
            yield from self.ended()
        if piece.offset and self._last is None:
            if self._broken != key:  # else it was told already
                detail = f"content of {key} from byte {piece.offset} on, but not what stands before"
                yield Bad(place, detail)
            self._broken = key
            return
        self._last, self._broken = (None if piece.is_last else piece), None
        yield piece

    def ended(self) -> Iterator[Bad]:
        """What is to be told where something other than the next piece comes."""
        last, self._last = self._last, None
        if last is not None:
            self._broken = last.key
            detail = f"the content of {last.key} has {last.size} bytes and ends at {last.end}"
            yield Bad(last.place, detail)


def _piece(line: Raw, key: ContextKey, place: Place) -> ContentPiece:
    about = an_object(line[MEMBER], MEMBER)
    if set(line) != {"context", MEMBER} or set(about) != set(_MEMBERS):
        raise MalformedError(
            f"a piece of content has context and content, and in that {', '.join(_MEMBERS)}"
        )
    size, offset = _whole(about, "size"), _whole(about, "offset")
    check_size(size)
    media_type = check_media_type(a_text(about["media_type"], "media_type"))
    piece = ContentPiece(place, key, media_type, size, offset, _data(about["data"]))
    if piece.end > size or (size and not piece.data):
        raise MalformedError(f"a piece of {len(piece.data)} bytes from {offset} on, of {size}")
    return piece


def _whole(about: Raw, name: str) -> int:
    value = about[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedError(f"{name} must be a whole number of bytes")
    return value


def _data(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise MalformedError("data must be base64 (RFC 4648)") from error
