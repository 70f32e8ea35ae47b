"""A context as lines of JSON: its head with its entries, then its content in pieces.

docs/reference/export.md describes them. Nothing here holds more than one page of entries or
one piece of content.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from backstory import clock, limits
from backstory.cli.exporter.renumbering import Renumbering
from backstory.contexts.listing import Filter
from backstory.contexts.service import Contexts
from backstory.domain.contexts import Head, Snapshot
from backstory.domain.entries import MESSAGE, REDACTED, Entry
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.kinds import NAMESPACE
from backstory.domain.permissions import ROLES
from backstory.domain.principals import LOCAL_ADMIN
from backstory.errors import ConflictError, MissingError
from backstory.ports.store import EntryQuery

_FIRST: Final = (NAMESPACE, ROLES)


@dataclass
class Tally:
    """What was written so far; `content_bytes` are those of all contents."""

    contexts: int = 0
    entries: int = 0
    contents: int = 0
    content_bytes: int = 0


async def keys(contexts: Contexts, namespace: NamespacePattern | None) -> AsyncIterator[ContextKey]:
    """Kinds and roles come first, so that an import knows them before it needs them."""
    for place in _FIRST:
        if namespace is None or namespace.matches(place):
            async for key in _listed(contexts, NamespacePattern(place, below=False)):
                yield key
    async for key in _listed(contexts, namespace):
        if key.namespace not in _FIRST:
            yield key


async def _listed(
    contexts: Contexts, namespace: NamespacePattern | None
) -> AsyncIterator[ContextKey]:
    cursor: str | None = None
    wanted = Filter(namespace)
    while True:
        page = await contexts.lister.heads(LOCAL_ADMIN, wanted, cursor, limits.PAGE_MAX)
        for head in page.items:
            yield head.key
        cursor = page.next
        if cursor is None:
            return


async def lines(contexts: Contexts, key: ContextKey, tally: Tally) -> AsyncIterator[bytes]:
    """One version of a context, in as many lines as its entries and its content need.

    Raises:
        MissingError: there is no such context, and nothing of it was told.
        ConflictError: it was erased when some of it was told already.
        StoreError: the store cannot do its work, or a chunk of content is damaged.
    """
    view = await contexts.reader.view(LOCAL_ADMIN, key)
    line = _head(key, view.snapshot)
    numbers = Renumbering()
    after, more = 0, True
    while more:
        query = EntryQuery(after=after, limit=limits.PAGE_MAX, max_bytes=limits.PAGE_BYTES)
        page = await contexts.store.page(LOCAL_ADMIN.tenant, view.chain, query)
        kept = [_entry(entry, numbers) for entry in page.entries if entry.type != REDACTED]
        tally.entries += len(kept)
        yield orjson.dumps(line | {"entries": kept}, option=orjson.OPT_APPEND_NEWLINE)
        line = {name: line[name] for name in ("context", "kind", "expires_at") if name in line}
        more = page.more
        after = page.entries[-1].seq if page.entries else after
    if view.snapshot.head.content is not None:
        try:
            async for piece in _content(contexts, view.snapshot.head, tally):
                yield piece
        except MissingError as error:
            detail = f"the content of {key} was erased while it was written; export again"
            raise ConflictError(detail) from error
    tally.contexts += 1


async def _content(contexts: Contexts, head: Head, tally: Tally) -> AsyncIterator[bytes]:
    """Its bytes in base64, a line for each piece that was read; an empty one has a line, too."""
    content = contexts.fetcher.of(LOCAL_ADMIN, head)
    size, offset = content.ref.size, 0
    about = {"media_type": content.ref.media_type, "size": size}

    def told(piece: bytes) -> bytes:
        data = base64.b64encode(piece).decode()
        line = {"context": str(head.key), "content": about | {"offset": offset, "data": data}}
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)

    async for piece in content.pieces(0, size):
        yield told(piece)
        offset += len(piece)
    if not size:
        yield told(b"")
    tally.contents += 1
    tally.content_bytes += size


def _head(key: ContextKey, snapshot: Snapshot) -> dict[str, Any]:
    head = snapshot.head
    line: dict[str, Any] = {"context": str(key), "kind": head.kind}
    line["state"] = orjson.Fragment(snapshot.state)
    if head.labels:
        line["labels"] = _labels(head)
    if head.expires_at is not None:
        line["expires_at"] = clock.to_text(head.expires_at)
    return line


def _labels(head: Head) -> Any:
    return list(head.labels) if isinstance(head.labels, tuple) else dict(head.labels)


def _entry(entry: Entry, numbers: Renumbering) -> dict[str, Any]:
    line: dict[str, Any] = {"id": entry.id, "role": entry.role}
    if entry.type != MESSAGE:
        line["type"] = entry.type
    line["content"] = orjson.Fragment(entry.content)
    metadata = numbers.metadata(entry)
    if metadata is not None:
        line["metadata"] = orjson.Fragment(metadata)
    return line
