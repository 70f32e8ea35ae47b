"""Reading content: the manifest as a whole, a piece from anywhere, one chunk by its name."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from backstory import limits
from backstory.domain.content import ENTRY_BYTES, ChunkRef, Manifest
from backstory.domain.sealing import Seal
from backstory.errors import ContentCorruptError, MissingError
from backstory.storage import chunks
from backstory.storage.tables import manifests, sealing
from backstory.storage.tables.database import Database


def manifest(db: Database, tenant: str, root: bytes) -> Manifest:
    """As `ports.store.Contents.manifest` says."""
    number, place, scope = _find(db, tenant, root)
    pages = db.all(db.sql.manifest_pages, number, place)
    found = Manifest(
        b"".join(
            manifests.unseal_page(db, number, scope, (place, start), body) for start, body in pages
        )
    )
    if found.root != root:
        raise _damaged(root)
    return found


def piece(db: Database, seal: Seal, tenant: str, root: bytes, *, start: int, stop: int) -> bytes:
    """As `ports.store.Contents.read_content` says."""
    number, place, scope = _find(db, tenant, root)
    taken: list[bytes] = []
    size = 0
    for at, ref in _from(db, number, place, scope, start):
        if at >= stop or size >= limits.CONTENT_READ_BYTES:
            break
        data = _chunk(db, seal, tenant, scope, ref)
        part = data[max(start - at, 0) : stop - at]
        taken.append(part)
        size += len(part)
    if start < stop and not size:
        raise _damaged(root)
    return b"".join(taken)


def chunk(db: Database, seal: Seal, tenant: str, root: bytes, hashed: bytes) -> bytes | None:
    """As `ports.store.Contents.read_chunk` says."""
    number, manifest, scope = _find(db, tenant, root)
    name = manifests.chunk_name(db, seal, tenant, scope, hashed)
    row = db.one(db.sql.find_chunk, number, name)
    if row is None or db.one(db.sql.chunk_ref, number, row[0], manifest) is None:
        return None
    return _chunk(db, seal, tenant, scope, ChunkRef(hashed, row[1]))


def _find(db: Database, tenant: str, root: bytes) -> tuple[int, int, int]:
    """The numbers of the tenant, of a manifest with this root, and of the scope that it is in."""
    number = db.tenant(tenant)
    if number is not None:
        row = db.one(db.sql.find_manifest, number, *manifests.roots(db, number, root))
        if row is not None:
            return number, row[0], row[1]
    raise MissingError("this content is not kept any more; read the context anew")


def _from(
    db: Database, tenant: int, manifest: int, scope: int, start: int
) -> Iterator[tuple[int, ChunkRef]]:
    """The chunks with their offsets, from the one on that holds offset `start`."""
    place = start
    while (row := db.one(db.sql.manifest_page_at, tenant, manifest, place)) is not None:
        at = row[0]
        page = Manifest(manifests.unseal_page(db, tenant, scope, (manifest, at), row[1]))
        ends = [] if len(page.packed) % ENTRY_BYTES else page.ends()
        first = bisect_right(ends, place - at)
        if first == len(ends):
            return
        for ref, end in zip(page.between(first, len(ends)), ends[first:], strict=True):
            yield at + end - ref.size, ref
        place = at + ends[-1]


def _chunk(db: Database, seal: Seal, tenant: str, scope: int, ref: ChunkRef) -> bytes:
    number = db.tenant(tenant)
    name = manifests.chunk_name(db, seal, tenant, scope, ref.hash)
    row = db.one(db.sql.chunk_body, number, name)
    if row is None or number is None:
        return chunks.decode(ref, None, None)
    return chunks.decode(ref, *sealing.unseal_chunk(db, number, *row))


def _damaged(root: bytes) -> ContentCorruptError:
    return ContentCorruptError(
        f"the manifest {root.hex()} is damaged; purge the context and send its content anew, or restore a backup",
        root=root.hex(),
    )
