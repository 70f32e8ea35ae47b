"""A piece of content for a model: text only, as much of it as fits into an answer."""

from __future__ import annotations

from typing import Final

from backstory.domain.keys import ContextKey
from backstory.errors import MalformedError, UnsupportedMediaError
from backstory.transports.mcp import answers
from backstory.transports.mcp.answers import BYTES, View
from backstory.transports.mcp.tools import states
from backstory.transports.mcp.tools.table import Call

_CONTINUES: Final = 3  # bytes of a character behind its first, at most


async def show(call: Call, key: ContextKey, at: int | None, offset: int) -> View:
    """The text from a byte on. The next piece is taken of the same version, so that they fit.

    Raises:
        MissingError, GoneError: there is no such content.
        MalformedError: the offset is behind the end, or inside of a character.
        UnsupportedMediaError: it is no text in UTF-8.
    """
    content = await call.contexts.fetcher.open(call.principal, key, at)
    size = content.ref.size
    if offset > size:
        raise MalformedError(f"offset is behind the end; the content has {size} bytes")
    frame = states.head(content.head)
    again = call.again(at=content.head.version, offset=size)
    raw = await content.read(offset, min(offset + BYTES, size))
    text = _text(raw, whole=offset + len(raw) == size)
    piece = answers.cut(text, 0, answers.room(frame, again))
    end = offset + len(piece.encode())
    following = again | {"offset": end} if end < size else None
    return frame | {
        "text": piece,
        "offset": offset,
        "length": size,
        "truncated": following is not None,
        "next": following,
    }


def _text(raw: bytes, *, whole: bool) -> str:
    """The bytes as text, but for a last character that is cut in two."""
    text = _decoded(raw, whole=whole)
    if text is not None:
        return text
    behind = raw[:_CONTINUES].lstrip(bytes(range(0x80, 0xC0))) + raw[_CONTINUES:]
    if len(behind) < len(raw) and _decoded(behind, whole=whole) is not None:
        raise MalformedError("offset is inside of a character; use the one in next")
    raise UnsupportedMediaError(
        "the content is no text in UTF-8; only text is shown here, all of it can be read over REST"
    )


def _decoded(raw: bytes, *, whole: bool) -> str | None:
    for cut in range(1 if whole else _CONTINUES + 1):
        try:
            text = raw[: len(raw) - cut].decode()
        except UnicodeDecodeError:
            continue
        return None if "\0" in text else text
    return None
