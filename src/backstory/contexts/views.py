"""What contexts look like to the outside: the same members over REST, MCP and in exports.

Values are ready for `orjson.dumps`; parts that are JSON already are passed on as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from backstory import clock, ids
from backstory.contexts.catching_up import CatchUp
from backstory.contexts.changes import ChangesPage
from backstory.contexts.contents.transfer import ManifestPage
from backstory.contexts.history import Difference
from backstory.contexts.searching import Found
from backstory.domain.changes import Change
from backstory.domain.contexts import Head, Snapshot
from backstory.domain.entries import REDACTED, Entry

View = dict[str, Any]


def head(head: Head, epoch: str) -> View:
    """A head without its state."""
    return {
        "id": ids.text(head.id),
        "namespace": head.key.namespace,
        "name": head.key.name,
        "kind": head.kind,
        "version": head.version,
        "epoch": epoch,
        "state_version": head.state_version,
        "content_version": head.content_version,
        "schema_version": head.schema_version,
        "labels": _labels(head),
        "entry_count": head.entry_count,
        "content": _content(head),
        "author": head.author.subject,
        "trust": head.author.trust.word,
        "created_at": clock.to_text(head.created_at),
        "updated_at": clock.to_text(head.updated_at),
        "expires_at": _moment(head.expires_at),
    }


def context(snapshot: Snapshot, epoch: str) -> View:
    """A head with its state."""
    return head(snapshot.head, epoch) | {"state": orjson.Fragment(snapshot.state)}


def context_json(snapshot: Snapshot, epoch: str) -> bytes:
    """The same as JSON, which is made once for a snapshot that is kept."""
    form = f"context.{epoch}"
    known: bytes | None = snapshot.encoded.get(form)
    if known is None:
        known = snapshot.encoded[form] = orjson.dumps(context(snapshot, epoch))
    return known


def entry(entry: Entry) -> View:
    """An entry, or the marker of a redacted one."""
    return {
        "seq": entry.seq,
        "id": entry.id,
        "role": entry.role,
        "type": entry.type,
        "content": "" if entry.type == REDACTED else orjson.Fragment(entry.content),
        "metadata": {} if entry.metadata is None else orjson.Fragment(entry.metadata),
        "author": entry.author.subject,
        "trust": entry.author.trust.word,
        "version": entry.version,
        "created_at": clock.to_text(entry.created_at),
    }


def change(change: Change) -> View:
    """A change as one context's history shows it."""
    return {
        "commit": ids.text(change.commit),
        "id": ids.text(change.context_id),
        "namespace": change.key.namespace if change.key else None,
        "name": change.key.name if change.key else None,
        "kind": change.kind,
        "version": change.version,
        "op": change.op.word,
        "parts": change.parts.words,
        "seqs": change.seqs,
        "by": change.by.subject,
        "trust": change.by.trust.word,
        "at": clock.to_text(change.at),
    }


def changes(page: ChangesPage) -> View:
    """A page of the tenant's stream."""
    items = [{"cursor": cursor} | change(item) for cursor, item in page.items]
    return {"items": items, "next": page.next}


def difference(difference: Difference) -> View:
    """What lies between two versions."""
    return {
        "from": difference.before.version,
        "to": difference.after.version,
        "patch": difference.patch,
        "head": _changed(difference.before, difference.after),
        "entries": {"shown": difference.shown, "hidden": difference.hidden},
    }


def catch_up(found: CatchUp, epoch: str) -> View:
    """What a caller has to do to get from the version it holds to a later one."""
    return {
        "from": found.before,
        "to": found.after,
        "more": found.more,
        "epoch": epoch,
        "patch": found.patch,
        "head": _changed(found.old, found.new),
        "entries": [entry(item) for item in found.entries],
        "hidden": found.hidden,
        "redacted": found.redacted,
        "content": _new_root(found.old, found.new),
    }


def found(found: Found) -> View:
    """A hit of a search."""
    return {
        "context": str(found.context),
        "kind": found.kind,
        "seq": found.seq,
        "score": found.score,
        "text": found.text,
        "highlights": found.highlights,
    }


def page(items: Sequence[View], following: str | int | None) -> View:
    """A list, as every list is answered."""
    return {"items": items, "next": following}


def _labels(head: Head) -> Any:
    return list(head.labels) if isinstance(head.labels, tuple) else dict(head.labels)


def _content(head: Head) -> View | None:
    ref = head.content
    if ref is None:
        return None
    return {"root": ref.root.hex(), "media_type": ref.media_type, "size": ref.size}


def _new_root(before: Head | None, after: Head) -> str | None:
    """The root of content that is not what it was."""
    if after.content is None or (before is not None and before.content == after.content):
        return None
    return after.content.root.hex()


def manifest(found: ManifestPage) -> View:
    """Some chunks of content, in order."""
    content = _content(found.content.head) or {}
    items = [{"hash": ref.hash.hex(), "size": ref.size} for ref in found.chunks]
    return content | {"count": found.count, "items": items, "next": found.following}


def _moment(micros: int | None) -> str | None:
    return None if micros is None else clock.to_text(micros)


def _changed(before: Head | None, after: Head) -> View:
    """The members of the head that differ."""
    old = _replaceable(before) if before else {"content": None}
    new = _replaceable(after)
    return {name: value for name, value in new.items() if name not in old or value != old[name]}


def _replaceable(head: Head) -> View:
    return {
        "kind": head.kind,
        "labels": _labels(head),
        "expires_at": _moment(head.expires_at),
        "content": _content(head),
    }
