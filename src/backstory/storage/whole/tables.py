"""Which rows a store is, and what in them is a number that it hands out itself.

The rows are those that both stores keep, in an order in which each is read after those that it names. A
column may say what its number counts: `id:context` in its own table, where it is handed out, and
`context:context` elsewhere. `row` is a log and a seq, `hint` a log and a hash, `pieces` a chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one kind; `counts` is what the table's own `id` counts, None where it has none."""

    name: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def counts(self) -> str | None:
        return self.kinds[0] if self.name == f"{self.kinds[0]}s" else None


COUNTED: Final = ("author", "voice", "context", "manifest", "chunk")


def _table(name: str, columns: str) -> Table:
    parts = [column.partition(":") for column in columns.split()]
    return Table(name, tuple(part[0] for part in parts), tuple(part[2] for part in parts))


TABLES: Final = {
    name: _table(name, columns)
    for name, columns in {
        "authors": "id:author trust subject",
        "voices": "id:voice author:author role type",
        "contexts": "id:context uid namespace name name_hash kind schema_version labels version "
        "commit_id state_version content_version entry_count last_seq author:author created_at "
        "updated_at expires_at deleted born history_from document_version deltas open_first closed "
        "content",
        "states": "context:context body",
        "labels": "term context:context",
        "entries": "id:row version created_at voice:voice content metadata entry_id id_key:hint tokens",
        "summaries": "id:row first last",
        "changes": "position context:context version what last_seq author:author at commit_id seqs",
        "documents": "context:context version codec body",
        "chains": "context:context version first pieces:pieces",
        "chain_refs": "log:context context:context",
        "manifests": "id:manifest root",
        "manifest_pages": "manifest:manifest start body",
        "chunks": "id:chunk hash size",
        "chunk_bodies": "id:chunk codec body",
        "chunk_refs": "chunk:chunk manifest:manifest",
        "contents": "context:context version manifest:manifest",
        "idempotency": "key request outcome expires_at",
        "notes": "name value expires_at",
        "audit_tips": "block events position hash kept checkpoint",
        "audit_blocks": "number last at head signature body",
        "audit_acts": "id at event",
        "audit_names": "hash kind namespace name day",
    }.items()
}

LEFT: Final = {
    "entry_words": "made anew",
    "state_words": "made anew",
    "erasures": "there are none, or nothing is read",
    "uploads": "chunks that no content names yet: a day at most",
    "rights": "hints for nodes that remember roles, which forget them with the epoch",
}
"""What stays behind, and why."""
