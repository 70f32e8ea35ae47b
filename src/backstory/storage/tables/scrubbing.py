"""Looking whether rows are what other rows say of them, as `ports.scrubbing` wants it.

Each step is one read of one moment, so that nothing that is written meanwhile looks like damage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from blake3 import blake3

from backstory import ids, limits
from backstory.domain.chains import Chain
from backstory.domain.content import HASH_BYTES, Manifest
from backstory.domain.sealing import Seal
from backstory.errors import GoneError, KeyUnusableError, StoreCorruptError
from backstory.ports.scrubbing import ORDER, Damage, Looked, Place
from backstory.storage import chunks
from backstory.storage.tables import manifests, rows, sealing
from backstory.storage.tables.database import Database, Row

_NUMBER_MAX: Final = 2**31 - 1  # of a row in PostgreSQL

_UNOPENED: Final = (StoreCorruptError, KeyUnusableError)
_CHANGED: Final = "what is encrypted was changed or does not belong here"


def look(db: Database, seal: Seal, place: Place) -> Looked:
    """One step.

    Raises:
        StoreCorruptError: rows cannot even be read.
    """
    try:
        return _look(db, seal, place)
    except ValueError as error:  # text that is none, a list that is none
        detail = f"rows of a {place.what} behind number {place.after} cannot be read: {error}"
        raise StoreCorruptError(detail) from error


def _look(db: Database, seal: Seal, place: Place) -> Looked:
    if place.what == "log":
        return _log(db, place)
    if place.what == "context":
        return _rows(db, place, db.sql.scrub_contexts, limits.SCRUB_CONTEXTS, _context)
    if place.what == "chunk":
        return _rows(db, place, db.sql.scrub_chunks, limits.SCRUB_CHUNKS, _chunk_of(seal))
    return _rows(db, place, db.sql.scrub_manifests, limits.SCRUB_MANIFESTS, _manifest_of(seal))


def _behind(place: Place) -> Place | None:
    """Where the next kind of thing begins."""
    at = ORDER.index(place.what) + 1
    return Place(ORDER[at]) if at < len(ORDER) else None


def _rows(
    db: Database,
    place: Place,
    sql: str,
    limit: int,
    check: Callable[[Database, Row], Iterator[Damage]],
) -> Looked:
    found = db.all(sql, place.tenant, min(place.after, _NUMBER_MAX), limit)
    damage = tuple(one for row in found for one in check(db, row))
    if len(found) < limit:
        return Looked(_behind(place), len(found), damage)
    tenant, number = found[-1][:2]
    return Looked(replace(place, tenant=tenant, after=number), len(found), damage)


# -- contexts ----------------------------------------------------------------------------


def _context(db: Database, row: Row) -> Iterator[Damage]:
    tenant, number, uid, purged, deleted, version, commit, entry_count, last_seq = row[:9]
    history_from, open_first, closed, count, first, last, at_seq, at_commit, lost = row[9:]

    def damage(detail: str) -> Damage:
        return Damage("context", db.tenant_name(tenant), ids.text(uid), detail)

    if count == 0 or last != version:
        yield damage(f"the change of version {version} is not in the log")
    elif (at_seq, at_commit) != (last_seq, commit):
        yield damage(f"the change of version {version} tells of another commit or last seq")
    if count and count != last - first + 1:
        yield damage(f"{last - first + 1 - count} changes are missing behind version {first}")
    if purged:
        return
    if count and first != history_from:
        yield damage(f"changes begin at version {first}, its history at {history_from}")
    if lost:
        yield damage("the manifest of its content is missing")
    if not deleted:
        own = Chain().extend(number, open_first, last_seq)
        chain = _closed(db, tenant, number, version, last_seq) if closed else own
        if chain.count != entry_count:
            yield damage(f"it shows {chain.count} entries and counts {entry_count}")
        if missing := _missing(db, tenant, chain):
            yield damage(f"{missing} of its {chain.count} entries are missing")


def _closed(db: Database, tenant: int, context: int, version: int, last_seq: int) -> Chain:
    row = db.one(db.sql.chain_at, tenant, context, version)
    if row is None:
        return Chain()
    return rows.unpack_pieces(row[1]).extend(context, row[0], last_seq)


def _missing(db: Database, tenant: int, chain: Chain) -> int:
    found = 0
    for piece in chain.pieces:
        between = rows.entry_rowid(piece.log, piece.first), rows.entry_rowid(piece.log, piece.last)
        found += db.value(db.sql.scrub_entries, tenant, *between)
    return chain.count - found


# -- the log -----------------------------------------------------------------------------


def _log(db: Database, place: Place) -> Looked:
    """Positions of one tenant, or the beginning of the next one."""
    if place.upto == place.after:
        row = db.one(db.sql.scrub_tenant, place.tenant)
        if row is None:
            return Looked(_behind(place), 0)
        return _begun(db, row[0], row[1] or 0)
    last = min(place.upto, place.after + limits.SCRUB_CHANGES)
    there, known = db.all(db.sql.scrub_changes, place.tenant, place.after, last)[0]
    damage: tuple[Damage, ...] = ()
    if known != there:
        detail = f"{there - known} changes behind position {place.after} are of no context"
        damage += (_of_log(db, place.tenant, detail),)
    missing = place.missing + last - place.after - there
    if last == place.upto:
        damage += tuple(_unexplained(db, place.tenant, missing))
    return Looked(replace(place, after=last, missing=missing), last - place.after, damage)


def _begun(db: Database, tenant: int, position: int) -> Looked:
    beyond = db.value(db.sql.scrub_beyond, tenant, position)
    damage: tuple[Damage, ...] = ()
    if beyond:
        detail = f"{beyond} changes stand beyond position {position}, which is the newest"
        damage = (_of_log(db, tenant, detail),)
    return Looked(Place("log", tenant, 0, position), 0, damage)


def _unexplained(db: Database, tenant: int, missing: int) -> Iterator[Damage]:
    """Changes go where versions are forgotten, and nowhere else."""
    if missing:
        lost = missing - db.value(db.sql.scrub_forgotten, tenant)
        if lost > 0:
            yield _of_log(db, tenant, f"{lost} changes are missing that nobody has forgotten")


def _of_log(db: Database, tenant: int, detail: str) -> Damage:
    return Damage("log", db.tenant_name(tenant), "log", detail)


# -- content -----------------------------------------------------------------------------


def _chunk_of(seal: Seal) -> Callable[[Database, Row], Iterator[Damage]]:
    def check(db: Database, row: Row) -> Iterator[Damage]:
        tenant, number, name, size, codec, stored = row
        where = db.tenant_name(tenant), str(number)
        if stored is None:
            yield Damage("chunk", *where, "its bytes are missing")
            return
        try:
            plain_codec, body = sealing.unseal_chunk(db, tenant, number, codec, stored)
        except GoneError:  # its subject was erased, and its key with it
            return
        except _UNOPENED:
            sealing.cipher_of(db)  # without any key nothing is known
            yield Damage("chunk", *where, _CHANGED)
            return
        scopes = {0}  # what was stored before it was encrypted keeps its name
        if codec != plain_codec:
            scopes.add(sealing.cipher_of(db).scope(stored))
        data = chunks.bytes_of(size, plain_codec, body)
        hashed = blake3(data).digest()
        names = (manifests.chunk_name(db, seal, where[0], scope, hashed) for scope in scopes)
        if name not in names:
            yield Damage("chunk", *where, "its bytes are not those of its name")
        elif len(data) != size:
            yield Damage("chunk", *where, f"it has {len(data)} bytes and says {size}")

    return check


def _manifest_of(seal: Seal) -> Callable[[Database, Row], Iterator[Damage]]:
    def check(db: Database, row: Row) -> Iterator[Damage]:
        tenant, number, root, scope = row
        if len(root) != HASH_BYTES:  # it is being erased
            return
        name = db.tenant_name(tenant)
        where = name, str(number)
        try:
            packed = b"".join(
                manifests.unseal_page(db, tenant, scope, (number, start), body)
                for start, body in db.all(db.sql.manifest_pages, tenant, number)
            )
        except GoneError:
            return
        except _UNOPENED:
            sealing.cipher_of(db)
            yield Damage("manifest", *where, _CHANGED)
            return
        manifest = Manifest(packed)
        if root != manifests.roots(db, tenant, manifest.root)[scope != 0]:
            yield Damage("manifest", *where, "its chunks are not those of its root")
            return
        refs = list(dict.fromkeys(manifest))
        kept = manifests.find(db, seal, name, scope, [ref.hash for ref in refs])
        lost = sum(_is_lost(kept.get(ref.hash), ref.size) for ref in refs)
        if lost:
            yield Damage("manifest", *where, f"{lost} of its {len(refs)} chunks are missing")

    return check


def _is_lost(row: Sequence[Any] | None, size: int) -> bool:
    return row is None or row[1] != size
