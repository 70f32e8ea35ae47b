"""Reading content: the manifest as a whole, a piece from anywhere, one chunk by its name."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from backstory import limits
from backstory.domain.content import ENTRY_BYTES, ChunkRef, Manifest
from backstory.domain.sealing import Seal
from backstory.errors import ContentCorruptError, MissingError
from backstory.storage import chunks
from backstory.storage.tables.database import Database


def manifest(db: Database, tenant: str, root: bytes) -> Manifest:
    """As `ports.store.Contents.manifest` says."""
    pages = db.all(db.sql.manifest_pages, *_find(db, tenant, root))
    found = Manifest(b"".join(body for (body,) in pages))
    if found.root != root:
        raise _damaged(root)
    return found


def piece(db: Database, seal: Seal, tenant: str, root: bytes, *, start: int, stop: int) -> bytes:
    """As `ports.store.Contents.read_content` says."""
    found = _find(db, tenant, root)
    taken: list[bytes] = []
    size = 0
    for at, ref in _from(db, *found, start):
        if at >= stop or size >= limits.CONTENT_READ_BYTES:
            break
        data = _chunk(db, seal, tenant, ref)
        part = data[max(start - at, 0) : stop - at]
        taken.append(part)
        size += len(part)
    if start < stop and not size:
        raise _damaged(root)
    return b"".join(taken)


def chunk(db: Database, seal: Seal, tenant: str, root: bytes, hashed: bytes) -> bytes | None:
    """As `ports.store.Contents.read_chunk` says."""
    number, manifest = _find(db, tenant, root)
    row = db.one(db.sql.find_chunk, number, seal.chunk_name(tenant, hashed))
    if row is None or db.one(db.sql.chunk_ref, number, row[0], manifest) is None:
        return None
    return _chunk(db, seal, tenant, ChunkRef(hashed, row[1]))


def _find(db: Database, tenant: str, root: bytes) -> tuple[int, int]:
    """The numbers of the tenant and of the manifest."""
    number = db.tenant(tenant)
    manifest = None if number is None else db.value(db.sql.find_manifest, number, root)
    if number is None or manifest is None:
        raise MissingError("this content is not kept any more; read the context anew")
    return number, manifest


def _from(db: Database, tenant: int, manifest: int, start: int) -> Iterator[tuple[int, ChunkRef]]:
    """The chunks with their offsets, from the one on that holds offset `start`."""
    place = start
    while (row := db.one(db.sql.manifest_page_at, tenant, manifest, place)) is not None:
        at, page = row[0], Manifest(row[1])
        ends = [] if len(page.packed) % ENTRY_BYTES else page.ends()
        first = bisect_right(ends, place - at)
        if first == len(ends):
            return
        for ref, end in zip(page.between(first, len(ends)), ends[first:], strict=True):
            yield at + end - ref.size, ref
        place = at + ends[-1]


def _chunk(db: Database, seal: Seal, tenant: str, ref: ChunkRef) -> bytes:
    row = db.one(db.sql.chunk_body, db.tenant(tenant), seal.chunk_name(tenant, ref.hash))
    _, codec, body = row or (None, None, None)
    return chunks.decode(ref, codec, body)


def _damaged(root: bytes) -> ContentCorruptError:
    return ContentCorruptError(
        f"the manifest {root.hex()} is damaged; send the content anew or restore a backup",
        root=root.hex(),
    )
