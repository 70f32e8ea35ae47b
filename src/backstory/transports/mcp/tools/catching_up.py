"""read_context with `since`: what changed after a version, as much of it as an answer holds."""

from __future__ import annotations

from backstory.contexts import views
from backstory.contexts.catching_up import CatchUp
from backstory.domain.keys import ContextKey
from backstory.transports.mcp import answers
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.tools.table import Call


async def catch_up(call: Call, key: ContextKey, since: int, limit: int) -> View:
    """What leads from version `since` on; shorter steps where a long one does not fit."""
    limit = max(limit, 1)
    while True:
        found = await call.contexts.catcher_up.catch_up(call.principal, key, since, None, limit)
        view = _whole(call, found, key)
        if answers.fits(view):
            return view
        shorter = min(limit // 2, len(found.entries) // 2)
        if shorter < 1 or found.after <= since + 1:
            return _cut(call, found, key)
        limit = shorter


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
