"""The newest entries that fit; one that never will as a piece of its text."""

from __future__ import annotations

from typing import Final

import orjson

from backstory.contexts import views
from backstory.domain.entries import Entry
from backstory.ports.store import EntryPage
from backstory.transports.mcp import answers
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.tools.states import part_of
from backstory.transports.mcp.tools.table import Call

_METADATA_BYTES: Final = 4096  # shown beside a cut entry


def show(call: Call, frame: View, found: EntryPage, offset: int, count: int) -> View:
    """A page of entries, the newest first as the store gave them, beside a head."""
    left = answers.room(frame, call.raw)
    entries = found.entries
    if entries and (offset or answers.weigh(views.entry(entries[0])) + 2 > left):
        return _long(call, frame, entries[0], offset, more=len(entries) > 1 or found.more)
    return frame | page(call, found, left, count)


def page(call: Call, found: EntryPage, left: int, count: int) -> View:
    """As many as fit into the room, the oldest of them first."""
    packed = answers.pack((views.entry(entry) for entry in found.entries), left)
    more = found.more or packed.count < len(found.entries)
    following: View | None = None
    if more:
        following = call.again("path", part="entries")
        if packed.count:
            following["before"] = found.entries[packed.count - 1].seq
    return {
        "entries": packed.items[::-1],
        "truncated": more and packed.count < count,
        "next": following,
    }


def _long(call: Call, frame: View, entry: Entry, offset: int, *, more: bool) -> View:
    view = views.entry(entry)
    content = orjson.loads(entry.content)
    text = content if isinstance(content, str) else entry.content.decode()
    del view["content"]
    if len(entry.metadata or b"") > _METADATA_BYTES:
        view["metadata"], view["metadata_truncated"] = {}, True
    piece = part_of(text, offset, answers.room(frame | {"entries": [view]}, call.raw))
    following: View | None = None
    if piece.following is not None:
        following = call.again(before=entry.seq + 1, entries=1, offset=piece.following)
    elif more:
        following = call.again("offset", "entries", before=entry.seq)
    return frame | {
        "entries": [view | piece.view()],
        "truncated": piece.following is not None,
        "next": following,
    }
