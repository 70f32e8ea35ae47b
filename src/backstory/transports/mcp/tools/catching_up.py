"""read_context with `since`: what changed after a version, as much of it as an answer holds."""

from __future__ import annotations

from typing import Final

from backstory.contexts import views
from backstory.contexts.catching_up import CatchUp
from backstory.domain.keys import ContextKey
from backstory.transports.mcp import answers
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.tools.table import Call

_MOST: Final = answers.BYTES // 100  # entries that an answer could hold; each has a frame


async def catch_up(call: Call, key: ContextKey, since: int, limit: int) -> View:
    """What leads from version `since` on; shorter steps where a long one does not fit."""
    limit = min(max(limit, 1), _MOST)
    while True:
        found = await call.contexts.catcher_up.catch_up(call.principal, key, since, None, limit)
        fitting = _fitting(found)
        if fitting == len(found.entries):
            view = _whole(call, found, key)
            if answers.fits(view):
                return view
        limit = min(limit // 2, fitting)
        if limit < 1 or found.after <= since + 1:
            return _cut(call, found, key)


def _fitting(found: CatchUp) -> int:
    """How many entries could fit at the most, found without encoding them."""
    size = 0
    for count, entry in enumerate(found.entries):
        size += entry.size
        if size > answers.BYTES:
            return count
    return len(found.entries)


def _frame(call: Call, found: CatchUp, key: ContextKey) -> View:
    return {
        "context": str(key),
        "kind": found.new.kind,
        "version": found.after,
        "from": found.before,
        "next": call.again(since=found.after) if found.more else None,
        "truncated": False,
    }


def _whole(call: Call, found: CatchUp, key: ContextKey) -> View:
    view = views.catch_up(found, "")
    return _frame(call, found, key) | {
        "patch": view["patch"],
        "head": view["head"],
        "entries": view["entries"],
        "hidden": view["hidden"],
        "redacted": view["redacted"],
    }


def _cut(call: Call, found: CatchUp, key: ContextKey) -> View:
    """One step that is too long: what fits, and the names of the parts to read anew."""
    frame = _frame(call, found, key) | {
        "patch": None,
        "head": {},
        "entries": [],
        "hidden": [],
        "redacted": [],
        "truncated": True,
        "read_anew": ["head", "state", "entries"],
    }
    whole = _whole(call, found, key)
    left = answers.room(frame)
    for name, part in (("head", "head"), ("patch", "state")):
        weight = answers.weigh(whole[name])
        if weight <= left:
            left -= weight
            frame[name] = whole[name]
            frame["read_anew"].remove(part)
    for name in ("hidden", "redacted"):
        packed = answers.pack(whole[name], min(left, answers.BYTES // 8))
        left -= packed.bytes
        frame[name] = packed.items
    packed = answers.pack(reversed(whole["entries"]), left)
    frame["entries"] = packed.items[::-1]
    if packed.count == len(whole["entries"]) and _all(frame, whole):
        frame["read_anew"].remove("entries")
    return frame


def _all(frame: View, whole: View) -> bool:
    return all(len(frame[name]) == len(whole[name]) for name in ("hidden", "redacted"))
