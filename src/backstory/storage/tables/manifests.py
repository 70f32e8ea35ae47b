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
from backstory.domain.keys import ContextKey
from backstory.domain.sealing import Seal
from backstory.encryption.cipher import Purpose
from backstory.encryption.ring import Key
from backstory.errors import GoneError
from backstory.storage.tables import sealing
from backstory.storage.tables.database import Database, Row
from backstory.storage.tables.transaction import Transaction

_NOBODY: Final = b""
"""Holds uploads that are being erased; no holder has this name."""
_UNSEALED: Final = 0
"""The scope of all that is not encrypted."""
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


def missing(
    tx: Transaction, tenant: str, key: ContextKey, content: NewContent
) -> tuple[bytes, ...]:
    """The chunks that are not kept in this size, or not the caller's to use; each once."""
    number = tx.db.intern_tenant(tenant)
    scope = scope_of(tx.db, number, key.namespace)
    grounds = Grounds(tx.db, number, content.hold)
    refs = list(dict.fromkeys(content.manifest))
    kept = find(tx.db, tx.seal, tenant, scope, [ref.hash for ref in refs])
    grounds.foresee([row[0] for row in kept.values()])
    absent: list[bytes] = []
    for ref in refs:
        row = kept.get(ref.hash)
        if row is None or row[1] != ref.size or not grounds.allow(row[0]):
            absent.append(ref.hash)
    return tuple(absent)


def scope_of(db: Database, tenant: int, namespace: str) -> int:
    """Within what the chunks of a namespace are shared: its key's reach, 0 where there is none."""
    key = db.key(tenant, namespace)
    return _UNSEALED if key is None else key.scope


def chunk_name(db: Database, seal: Seal, tenant: str, scope: int, chunk: bytes) -> bytes:
    """What the chunk is called in the store, which only those share who share its scope."""
    name = seal.chunk_name(tenant, chunk)
    return name if scope == _UNSEALED else sealing.cipher_of(db).name(0, scope, b"chunk", name)


def find(
    db: Database, seal: Seal, tenant: str, scope: int, hashes: Iterable[bytes]
) -> dict[bytes, Row]:
    """Number and size of those chunks that are kept in a scope, whoever sent them."""
    number = db.tenant(tenant)
    if number is None:
        return {}
    names = {chunk: chunk_name(db, seal, tenant, scope, chunk) for chunk in hashes}
    db.foresee(db.sql.find_chunk, number, [(name,) for name in names.values()])
    found = ((chunk, db.one(db.sql.find_chunk, number, name)) for chunk, name in names.items())
    return {chunk: row for chunk, row in found if row is not None}


def put(tx: Transaction, place: Place, effect: Effect, key: Key | None) -> None:
    """Write what the context's content is from this version on."""
    head = effect.after.head
    manifest = None if head.content is None else _manifest(tx, place, head.content, effect, key)
    tx.db.run(tx.db.sql.add_content, place.number, place.context, head.version, manifest)


def _manifest(
    tx: Transaction, place: Place, ref: ContentRef, effect: Effect, key: Key | None
) -> int:
    """What a context takes over from another, or from its past, stays in the scope it is in."""
    scope = _UNSEALED if key is None else key.scope
    found = tx.db.all(tx.db.sql.find_manifest, place.number, *roots(tx.db, place.number, ref.root))
    known = [number for number, of in found if effect.content is None or of == scope]
    number = known[0] if known else None
    if number is None:
        if effect.content is None:
            raise GoneError("the content of that version was erased with its subject")
        number = _add_manifest(tx, place, ref, effect.content.manifest, key)
    if effect.content is not None:
        _end_uploads(tx, place, scope, effect.content)
    return number


def roots(db: Database, tenant: int, root: bytes) -> tuple[bytes, bytes]:
    """The root of a manifest as rows have it: as it is, or as a keyed hash."""
    return root, root if db.cipher is None else db.cipher.name(tenant, 0, b"root", root)


def _add_manifest(
    tx: Transaction, place: Place, ref: ContentRef, manifest: Manifest, key: Key | None
) -> int:
    scope = _UNSEALED if key is None else key.scope
    root = roots(tx.db, place.number, ref.root)[scope != _UNSEALED]
    number = tx.db.insert(tx.db.sql.add_manifest, place.number, root, scope)
    start = 0
    for first in range(0, max(manifest.count, 1), limits.MANIFEST_PAGE_CHUNKS):
        last = first + limits.MANIFEST_PAGE_CHUNKS
        page = manifest.packed[first * ENTRY_BYTES : last * ENTRY_BYTES]
        body = page if key is None else _seal_page(tx, key, place.number, (number, start), page)
        tx.db.run(tx.db.sql.add_manifest_page, place.number, number, start, body)
        start += Manifest(page).size
    for chunk in _chunks(tx, place, scope, manifest):
        tx.db.run(tx.db.sql.add_chunk_ref, place.number, chunk, number)
    return number


def _seal_page(tx: Transaction, key: Key, tenant: int, page: tuple[int, int], body: bytes) -> bytes:
    cipher = sealing.cipher_of(tx.db)
    return cipher.seal(key, (Purpose.PAGE, tenant, *page), body)


def unseal_page(
    db: Database, tenant: int, scope: int, page: tuple[int, int], stored: bytes
) -> bytes:
    """A manifest's page, which is named by the manifest's number and where it starts."""
    if scope == _UNSEALED:
        return stored
    return sealing.cipher_of(db).open((Purpose.PAGE, tenant, *page), stored)


def _end_uploads(tx: Transaction, place: Place, scope: int, content: NewContent) -> None:
    """The manifest holds the chunks from now on."""
    for chunk in _chunks(tx, place, scope, content.manifest):
        tx.db.run(tx.db.sql.drop_upload, place.number, content.hold.holder, chunk, place.context)


def _chunks(tx: Transaction, place: Place, scope: int, manifest: Manifest) -> list[int]:
    """The numbers of the chunks that a manifest names, each once."""
    hashes = dict.fromkeys(ref.hash for ref in manifest)
    return [row[0] for row in find(tx.db, tx.seal, place.tenant, scope, hashes).values()]


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
    row = tx.db.one(tx.db.sql.manifest_page_number, place.number, manifest, number)
    start = place_in_page * ENTRY_BYTES
    page, scope = Manifest(b""), _UNSEALED
    if row is not None:
        at, stored, scope = row
        try:
            body = unseal_page(tx.db, place.number, scope, (manifest, at), stored)
        except GoneError:  # what it names lies under a key that is destroyed, too
            body = b""
        page = Manifest(body[start : start + limits.ERASE_CHUNKS * ENTRY_BYTES])
    chunks = _chunks(tx, place, scope, page)
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
