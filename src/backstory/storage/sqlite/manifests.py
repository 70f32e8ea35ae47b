"""What is written of content: manifests, who shows them, and what they keep alive.

A chunk stays as long as a manifest names it (`chunk_refs`) or an upload holds it (`uploads`),
a manifest as long as a kept version of a context shows it (`contents`). These rows are the
marks; whoever takes the last one away sweeps what it held, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from backstory import limits
from backstory.domain.content import ENTRY_BYTES, ContentRef, Hold, Manifest, NewContent
from backstory.domain.effects import Effect
from backstory.storage.sqlite.database import CONTENT, QUERIES, Database
from backstory.storage.sqlite.transaction import Transaction

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

    def __init__(self, db: Database, hold: Hold) -> None:
        self._db, self._hold = db, hold
        self._shown: dict[int, bool] = {}

    def allow(self, chunk: int) -> bool:
        if self._hold.visible.patterns:
            for (manifest,) in self._db.all(CONTENT.manifests_of_chunk, chunk):
                if self._shows(manifest):
                    return True
        return self._db.one(CONTENT.uploaded, self._hold.holder, chunk) is not None

    def _shows(self, manifest: int) -> bool:
        known = self._shown.get(manifest)
        if known is None:
            rows = self._db.all(CONTENT.namespaces_showing, manifest)
            known = any(self._hold.visible.shows(namespace) for (namespace,) in rows)
            self._shown[manifest] = known
        return known


def missing(tx: Transaction, tenant: str, content: NewContent) -> tuple[bytes, ...]:
    """The chunks that are not kept in this size, or not the caller's to use; each once."""
    number = tx.db.tenant(tenant)
    grounds = Grounds(tx.db, content.hold)
    absent: list[bytes] = []
    for ref in dict.fromkeys(content.manifest):
        row = tx.db.one(CONTENT.find_chunk, number, tx.seal.chunk_name(tenant, ref.hash))
        if row is None or row[1] != ref.size or not grounds.allow(row[0]):
            absent.append(ref.hash)
    return tuple(absent)


def put(tx: Transaction, place: Place, effect: Effect) -> None:
    """Write what the context's content is from this version on."""
    head = effect.after.head
    manifest = None if head.content is None else _manifest(tx, place, head.content, effect)
    tx.db.run(CONTENT.add_content, place.context, head.version, manifest)


def _manifest(tx: Transaction, place: Place, ref: ContentRef, effect: Effect) -> int:
    known: int | None = tx.db.value(CONTENT.find_manifest, place.number, ref.root)
    if known is None:
        assert effect.content is not None  # history never names a manifest that is gone
        known = _add_manifest(tx, place, ref, effect.content.manifest)
    if effect.content is not None:
        _end_uploads(tx, place, effect.content)
    return known


def _add_manifest(tx: Transaction, place: Place, ref: ContentRef, manifest: Manifest) -> int:
    number: int = tx.db.value(CONTENT.add_manifest, place.number, ref.root)
    start = 0
    for first in range(0, max(manifest.count, 1), limits.MANIFEST_PAGE_CHUNKS):
        last = first + limits.MANIFEST_PAGE_CHUNKS
        page = manifest.packed[first * ENTRY_BYTES : last * ENTRY_BYTES]
        tx.db.run(CONTENT.add_manifest_page, number, start, page)
        start += Manifest(page).size
    for chunk in _chunks(tx, place, manifest):
        tx.db.run(CONTENT.add_chunk_ref, chunk, number)
    return number


def _end_uploads(tx: Transaction, place: Place, content: NewContent) -> None:
    """The manifest holds the chunks from now on."""
    for chunk in _chunks(tx, place, content.manifest):
        tx.db.run(CONTENT.drop_upload, content.hold.holder, chunk, place.context)


def _chunks(tx: Transaction, place: Place, manifest: Manifest) -> Iterable[int]:
    """The numbers of the chunks that a manifest names, each once."""
    for packed in dict.fromkeys(ref.hash for ref in manifest):
        name = tx.seal.chunk_name(place.tenant, packed)
        row = tx.db.one(CONTENT.find_chunk, place.number, name)
        if row is not None:
            yield row[0]


def forget(tx: Transaction, tenant: str, context: int, before: int | None = None) -> None:
    """Let go of the content of versions below `before`, of all and the uploads without it.

    Nothing of it can be read any more; the chunks are erased by `erase_some`.
    """
    place = Place(tenant, tx.db.intern_tenant(tenant), context)
    begun = 2**62 if before is None else tx.db.value(CONTENT.content_version_at, context, before)
    lost: dict[int, None] = {}
    for row, manifest in tx.db.all(CONTENT.contents_below, context, begun or 0):
        tx.db.run(CONTENT.drop_content, row)
        if manifest is not None:
            lost[manifest] = None
    for manifest in lost:
        if tx.db.one(CONTENT.manifest_shown, manifest) is None:
            _give_up(tx, place, manifest)
    if before is None and tx.db.one(CONTENT.is_uploaded_to, context) is not None:
        tx.db.run(CONTENT.give_up_uploads_to, context, _NOBODY)
        tx.db.run(QUERIES.add_erasure, place.number, _UPLOADS, 0, 0)


def _give_up(tx: Transaction, place: Place, manifest: int) -> None:
    """From here on nobody finds the manifest; what it holds is erased a few chunks at a time."""
    chunks = (tx.db.value(CONTENT.manifest_chunks, manifest) or 0) // ENTRY_BYTES
    # Its row stays to the end, or another manifest might be given the same number meanwhile.
    tx.db.run(CONTENT.hide_manifest, manifest, b"%d" % manifest)
    tx.db.run(QUERIES.add_erasure, place.number, -manifest, 0, max(chunks - 1, 0))


def erase_some(tx: Transaction, row: tuple[int, int, int, int, int]) -> None:
    """Erase up to `limits.ERASE_CHUNKS` of what an erasure's row gives up of content.

    Its `log` is 0 for uploads that nobody holds any more, else a manifest's number below 0, with
    the places of the chunks that are left.
    """
    erasure, tenant, log, first, last = row
    if log == _UPLOADS:
        chunks = [row[0] for row in tx.db.all(CONTENT.uploads_of, _NOBODY, limits.ERASE_CHUNKS)]
        for chunk in chunks:
            tx.db.run(CONTENT.drop_uploads_of, _NOBODY, chunk)
        release(tx, chunks)
        done = len(chunks) < limits.ERASE_CHUNKS
    else:
        place = Place(tx.db.value(QUERIES.tenant_name, tenant), tenant, 0)
        done = _erase_chunks(tx, place, -log, first) > last
    if done:
        tx.db.run(CONTENT.drop_manifest, -log)
        tx.db.run(CONTENT.drop_manifest_pages, -log)
        tx.db.run(QUERIES.drop_erasure, erasure)
    elif log != _UPLOADS:
        tx.db.run(QUERIES.shorten_erasure, erasure, first + limits.ERASE_CHUNKS)


def _erase_chunks(tx: Transaction, place: Place, manifest: int, first: int) -> int:
    """Erase the manifest's chunks from one place on; gives the next place."""
    page, place_in_page = divmod(first, limits.MANIFEST_PAGE_CHUNKS)
    body = tx.db.value(CONTENT.manifest_page_number, manifest, page) or b""
    start = place_in_page * ENTRY_BYTES
    chunks = list(
        _chunks(tx, place, Manifest(body[start : start + limits.ERASE_CHUNKS * ENTRY_BYTES]))
    )
    for chunk in chunks:
        tx.db.run(CONTENT.drop_chunk_ref, chunk, manifest)
    release(tx, chunks)
    return first + limits.ERASE_CHUNKS


def release(tx: Transaction, chunks: Iterable[int]) -> None:
    """Erase those chunks that nothing holds any more."""
    for chunk in chunks:
        held = tx.db.one(CONTENT.is_referenced, chunk) or tx.db.one(CONTENT.is_uploaded, chunk)
        if held is None:
            tx.db.run(CONTENT.drop_chunk, chunk)
            tx.db.run(CONTENT.drop_chunk_body, chunk)
