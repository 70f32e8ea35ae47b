"""A head and a state, or a value in it; a long one as a piece of its JSON text."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import jsonpointer
import orjson

from backstory import clock, limits
from backstory.contexts import views
from backstory.domain.contexts import Head, Snapshot
from backstory.errors import MalformedError, MissingError
from backstory.transports.mcp import answers
from backstory.transports.mcp.answers import BYTES, Piece, View
from backstory.transports.mcp.tools.table import Answer, Call

_INLINE_BYTES: Final = 64 * limits.KIB  # longer states are looked into off the event loop
# A state that is no longer fits into an answer whatever its letters are, with all else beside.
_SURELY_FITS_BYTES: Final = 2 * limits.KIB
_FORM: Final = "read_context"
_PLAIN: Final = 8  # members of a head without content, labels and expiry


def head(head: Head) -> View:
    """The head's members that a model can use."""
    view: View = {
        "context": str(head.key),
        "kind": head.kind,
        "version": head.version,
        "state_version": head.state_version,
        "entry_count": head.entry_count,
        "author": head.author.subject,
        "trust": head.author.trust.word,
        "updated_at": clock.to_text(head.updated_at),
    }
    if head.content is None and not head.labels and head.expires_at is None:
        return view
    members = views.head(head, "")
    if head.content is not None:
        view["content"] = members["content"]
    if head.labels:
        view["labels"] = members["labels"]
        if answers.weigh(view) > BYTES // 2:
            view["labels"], view["labels_truncated"] = [], True
    if head.expires_at is not None:
        view["expires_at"] = members["expires_at"]
    return view


async def show(call: Call, snapshot: Snapshot, path: str, offset: int) -> tuple[View, int | None]:
    """The state, or what lies at a path in it, and the room left; None where it is cut."""
    frame = head(snapshot.head)
    raw, member = snapshot.state, "state"
    if path:
        frame["path"], member = path, "value"
        far = len(raw) > _INLINE_BYTES
        raw = await asyncio.to_thread(resolve, raw, path) if far else resolve(raw, path)
    if not offset and len(raw) <= BYTES:
        whole = frame | {member: orjson.Fragment(raw)}
        if (left := answers.room(whole, call.raw)) >= 0:
            return whole | {"truncated": False, "next": None}, left
    return _piece(call, frame, raw.decode(), offset), None


def whole(snapshot: Snapshot) -> Answer | None:
    """The answer to who asks for nothing but a context; None where it may not fit.

    It is made once for a snapshot that is kept.
    """
    if (known := snapshot.encoded.get(_FORM)) is not None:
        answer: Answer = known
        return answer
    frame = head(snapshot.head)
    if len(frame) > _PLAIN or len(snapshot.state) > _SURELY_FITS_BYTES:
        return None
    view = frame | {"state": orjson.Fragment(snapshot.state), "truncated": False, "next": None}
    answer = snapshot.encoded[_FORM] = Answer(orjson.dumps(view))
    return answer


def resolve(state: bytes, path: str) -> bytes:
    """The JSON text that lies at the pointer.

    Raises:
        MalformedError: it is no JSON Pointer.
        MissingError: nothing lies there.
    """
    try:
        pointer = jsonpointer.JsonPointer(path)
    except jsonpointer.JsonPointerException as error:
        raise MalformedError(
            f"path must be a JSON Pointer such as /tasks/0 (RFC 6901): {error}"
        ) from error
    try:
        value: Any = pointer.resolve(orjson.loads(state))
    except (jsonpointer.JsonPointerException, TypeError) as error:
        raise MissingError(_NOTHING) from error
    if isinstance(value, jsonpointer.EndOfList):  # `-` stands for what is behind the last one
        raise MissingError(_NOTHING)
    return orjson.dumps(value)


_NOTHING: Final = "nothing lies at this path in the state; read it without path"


def _piece(call: Call, frame: View, text: str, offset: int) -> View:
    """A piece of the JSON text. The next one is taken of the same version, so that they fit."""
    again = call.again(at=frame["version"])
    piece = part_of(text, offset, answers.room(frame, again))
    following = None if piece.following is None else again | {"offset": piece.following}
    return frame | piece.view() | {"truncated": following is not None, "next": following}


def part_of(text: str, offset: int, left: int) -> Piece:
    """A piece of a text from an offset on.

    Raises:
        MalformedError: the offset is behind the end.
    """
    if offset > len(text):
        raise MalformedError(f"offset is behind the end; the text has {len(text)} characters")
    return Piece.of(text, offset, left)
