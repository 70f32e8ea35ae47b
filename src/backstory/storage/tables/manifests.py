"""What is written of content: manifests, who shows them, and what they keep alive.

A chunk stays as long as a manifest names it (`chunk_refs`) or an upload holds it (`uploads`),
a manifest as long as a kept version of a context shows it (`contents`). These rows are the
marks; whoever takes the last one away sweeps what it held, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from backstory import limits
from backstory.domain.content import ENTRY_BYTES, ContentRef, Hold, Manifest, NewContent
from backstory.domain.effects import Effect
from backstory.domain.sealing import Seal
from backstory.storage.tables.database import Database, Row
from backstory.storage.tables.transaction import Transaction

_NOBODY: Final = b""
"""Holds uploads that are being erased; no holder has this name."""
_UPLOADS: Final = 0
"""Stands in the place of a log where uploads are erased."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose content it is: the tenant by name and number, and the context's number."""

    tenant: str
    number: int
    context: int


class Grounds:
    """Tells which chunks somebody may put together by their names alone.

    Else a name would hand out what others stored, or give away that they did.
    """

    def __init__(self, db: Database, tenant: int, hold: Hold) -> None:
        self._db, self._tenant, self._hold = db, tenant, hold
        self._shown: dict[int, bool] = {}

    def foresee(self, chunks: Sequence[int]) -> None:
        """These will be asked for."""
        if self._hold.visible.patterns:
            asked = [(chunk,) for chunk in chunks]
            self._db.foresee(self._db.sql.manifests_of_chunk, self._tenant, asked)
        self._db.foresee(
            self._db.sql.uploaded, self._tenant, [(self._hold.holder, chunk) for chunk in chunks]
        )

    def allow(self, chunk: int) -> bool:
        db = self._db
        if self._hold.visible.patterns:
            for (manifest,) in db.all(db.sql.manifests_of_chunk, self._tenant, chunk):
                if self._shows(manifest):
                    return True
        return db.one(db.sql.uploaded, self._tenant, self._hold.holder, chunk) is not None

    def _shows(self, manifest: int) -> bool:
        known = self._shown.get(manifest)
        if known is None:
            rows = self._db.all(self._db.sql.namespaces_showing, self._tenant, manifest)
            known = any(self._hold.visible.shows(namespace) for (namespace,) in rows)
            self._shown[manifest] = known
        return known


def missing(tx: Transaction, tenant: str, content: NewContent) -> tuple[bytes, ...]:
    """The chunks that are not kept in this size, or not the caller's to use; each once."""
    number = tx.db.intern_tenant(tenant)
    grounds = Grounds(tx.db, number, content.hold)
    refs = list(dict.fromkeys(content.manifest))
    kept = find(tx.db, tx.seal, tenant, [ref.hash for ref in refs])
    grounds.foresee([row[0] for row in kept.values()])
    absent: list[bytes] = []
    for ref in refs:
        row = kept.get(ref.hash)
        if row is None or row[1] != ref.size or not grounds.allow(row[0]):
            absent.append(ref.hash)
    return tuple(absent)


def find(db: Database, seal: Seal, tenant: str, hashes: Iterable[bytes]) -> dict[bytes, Row]:
    """Number and size of those chunks that are kept, whoever sent them."""
    number = db.tenant(tenant)
    if number is None:
        return {}
    names = {chunk: seal.chunk_name(tenant, chunk) for chunk in hashes}
    db.foresee(db.sql.find_chunk, number, [(name,) for name in names.values()])
    found = ((chunk, db.one(db.sql.find_chunk, number, name)) for chunk, name in names.items())
    return {chunk: row for chunk, row in found if row is not None}


def put(tx: Transaction, place: Place, effect: Effect) -> None:
    """Write what the context's content is from this version on."""
    head = effect.after.head
    manifest = None if head.content is None else _manifest(tx, place, head.content, effect)
    tx.db.run(tx.db.sql.add_content, place.number, place.context, head.version, manifest)


def _manifest(tx: Transaction, place: Place, ref: ContentRef, effect: Effect) -> int:
    known: int | None = tx.db.value(tx.db.sql.find_manifest, place.number, ref.root)
    if known is None:
        assert effect.content is not None  # history never names a manifest that is gone
        known = _add_manifest(tx, place, ref, effect.content.manifest)
    if effect.content is not None:
        _end_uploads(tx, place, effect.content)
    return known


def _add_manifest(tx: Transaction, place: Place, ref: ContentRef, manifest: Manifest) -> int:
    number = tx.db.insert(tx.db.sql.add_manifest, place.number, ref.root)
    start = 0
    for first in range(0, max(manifest.count, 1), limits.MANIFEST_PAGE_CHUNKS):
        last = first + limits.MANIFEST_PAGE_CHUNKS
        page = manifest.packed[first * ENTRY_BYTES : last * ENTRY_BYTES]
        tx.db.run(tx.db.sql.add_manifest_page, place.number, number, start, page)
        start += Manifest(page).size
    for chunk in _chunks(tx, place, manifest):
        tx.db.run(tx.db.sql.add_chunk_ref, place.number, chunk, number)
    return number


def _end_uploads(tx: Transaction, place: Place, content: NewContent) -> None:
    """The manifest holds the chunks from now on."""
    for chunk in _chunks(tx, place, content.manifest):
        tx.db.run(tx.db.sql.drop_upload, place.number, content.hold.holder, chunk, place.context)


def _chunks(tx: Transaction, place: Place, manifest: Manifest) -> list[int]:
    """The numbers of the chunks that a manifest names, each once."""
    hashes = dict.fromkeys(ref.hash for ref in manifest)
    return [row[0] for row in find(tx.db, tx.seal, place.tenant, hashes).values()]


def forget(tx: Transaction, tenant: str, context: int, before: int | None = None) -> None:
    """Let go of the content of versions below `before`, of all and the uploads without it.

    Nothing of it can be read any more; the chunks are erased by `erase_some`.
    """
    place = Place(tenant, tx.db.intern_tenant(tenant), context)
    key = place.number, context
    begun = 2**62 if before is None else tx.db.value(tx.db.sql.content_version_at, *key, before)
    lost: dict[int, None] = {}
    for version, manifest in tx.db.all(tx.db.sql.contents_below, *key, begun or 0):
        tx.db.run(tx.db.sql.drop_content, *key, version)
        if manifest is not None:
            lost[manifest] = None
    for manifest in lost:
        if tx.db.one(tx.db.sql.manifest_shown, place.number, manifest) is None:
            _give_up(tx, place, manifest)
    if before is None and tx.db.one(tx.db.sql.is_uploaded_to, *key) is not None:
        tx.db.run(tx.db.sql.give_up_uploads_to, *key, _NOBODY)
        tx.db.run(tx.db.sql.add_erasure, place.number, _UPLOADS, 0, 0)


def _give_up(tx: Transaction, place: Place, manifest: int) -> None:
    """From here on nobody finds the manifest; what it holds is erased a few chunks at a time."""
    key = place.number, manifest
    chunks = (tx.db.value(tx.db.sql.manifest_chunks, *key) or 0) // ENTRY_BYTES
    # Its row stays to the end, or another manifest might be given the same number meanwhile.
    tx.db.run(tx.db.sql.hide_manifest, *key, b"%d" % manifest)
    tx.db.run(tx.db.sql.add_erasure, place.number, -manifest, 0, max(chunks - 1, 0))


def erase_some(tx: Transaction, tenant: int, log: int, first: int, last: int) -> int | None:
    """Erase up to `limits.ERASE_CHUNKS` of what an erasure gives up of content.

    Its `log` is 0 for uploads that nobody holds any more, else a manifest's number below 0, with
    the places of the chunks that are left. Returns the first place that is left then; None where
    nothing is.
    """
    if log == _UPLOADS:
        return _erase_uploads(tx, tenant, first)
    place = Place(tx.db.value(tx.db.sql.tenant_name, tenant), tenant, 0)
    left = _erase_chunks(tx, place, -log, first)
    if left <= last:
        return left
    tx.db.run(tx.db.sql.drop_manifest, tenant, -log)
    tx.db.run(tx.db.sql.drop_manifest_pages, tenant, -log)
    return None


def _erase_uploads(tx: Transaction, tenant: int, first: int) -> int | None:
    found = tx.db.all(tx.db.sql.uploads_of, tenant, _NOBODY, limits.ERASE_CHUNKS)
    chunks = [row[0] for row in found]
    for chunk in chunks:
        tx.db.run(tx.db.sql.drop_uploads_of, tenant, _NOBODY, chunk)
    release(tx, tenant, chunks)
    return first if len(chunks) == limits.ERASE_CHUNKS else None


def _erase_chunks(tx: Transaction, place: Place, manifest: int, first: int) -> int:
    """Erase the manifest's chunks from one place on; gives the next place."""
    number, place_in_page = divmod(first, limits.MANIFEST_PAGE_CHUNKS)
    body = tx.db.value(tx.db.sql.manifest_page_number, place.number, manifest, number) or b""
    start = place_in_page * ENTRY_BYTES
    page = Manifest(body[start : start + limits.ERASE_CHUNKS * ENTRY_BYTES])
    chunks = _chunks(tx, place, page)
    for chunk in chunks:
        tx.db.run(tx.db.sql.drop_chunk_ref, place.number, chunk, manifest)
    release(tx, place.number, chunks)
    return first + limits.ERASE_CHUNKS


def release(tx: Transaction, tenant: int, chunks: Iterable[int]) -> None:
    """Erase those chunks that nothing holds any more."""
    db, asked = tx.db, [(tenant, chunk) for chunk in chunks]
    for sql in (db.sql.is_referenced, db.sql.is_uploaded):
        db.foresee(sql, tenant, [(chunk,) for _, chunk in asked])
        asked = [one for one in asked if db.one(sql, *one) is None]
    db.foresee(db.sql.chunk_bytes, tenant, [(chunk,) for _, chunk in asked])
    sizes = [db.value(db.sql.chunk_bytes, *one) or 0 for one in asked]
    tx.count(tenant, bytes_=-sum(sizes))
    for one in asked:
        db.run(db.sql.drop_chunk, *one)
        db.run(db.sql.drop_chunk_body, *one)
