"""read_changes: who changed what, in order, commit by commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, UnsetType

from backstory import limits
from backstory.contexts import views
from backstory.domain.changes import Change
from backstory.domain.keys import NamespacePattern
from backstory.transports.mcp import answers
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.tools.finding import Cursor, Limit, Namespace
from backstory.transports.mcp.tools.table import Arguments, Call, Tool, given

_Item = tuple[str, Change]


class ReadChanges(Arguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From where on, and how long to wait for something."""

    after: (
        Annotated[Cursor, Meta(description="From the last answer's next; now: from here on")]
        | UnsetType
    ) = UNSET
    namespace: Namespace | UnsetType = UNSET
    limit: Limit = limits.PAGE_DEFAULT
    wait: Annotated[float, Meta(ge=0, le=30, description="Seconds")] = 0.0


async def read_changes(call: Call, wanted: ReadChanges) -> View:
    """Changes behind a cursor."""
    namespace = given(wanted.namespace)
    page = await call.contexts.stream.changes(
        call.principal,
        after=given(wanted.after),
        namespace=None if namespace is None else NamespacePattern.parse(namespace),
        limit=wanted.limit,
        wait=wanted.wait,
    )
    kept, items = _pack(page.items, answers.room({}, call.raw))
    whole = kept == len(page.items)
    return {
        "items": items,
        "truncated": not whole,
        "more": page.more or not whole,
        "next": call.again(after=page.next if whole else page.items[kept - 1][0]),
    }


def _pack(found: Sequence[_Item], left: int) -> tuple[int, list[Any]]:
    """The commits that fit as a whole; of one that never will, the changes that do."""
    items: list[Any] = []
    kept = 0
    for group in _commits(found):
        packed = answers.pack((_change(change) for _, change in group), left)
        if packed.count < len(group) and kept:
            break
        items += packed.items
        kept += packed.count
        left -= packed.bytes
        if packed.count < len(group):
            break
    return kept, items


def _commits(found: Sequence[_Item]) -> Iterator[list[_Item]]:
    for _, group in groupby(found, key=lambda item: item[1].commit):
        yield list(group)


def _change(change: Change) -> View:
    view = views.change(change)
    key = change.key
    del view["namespace"], view["name"], view["trust"]
    view["seqs"], more = answers.spans(change.seqs)
    if more:
        view["seqs_truncated"] = True
    return {"context": str(key) if key else None} | view


TOOL: Final = Tool(
    "read_changes",
    "Read who changed which context, oldest first; call again with next to follow, with wait "
    "to be told as soon as something changes.",
    ReadChanges,
    read_changes,
    {"items": list, "truncated": bool, "more": bool, "next": dict},
    waits=True,
)
