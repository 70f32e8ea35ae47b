"""Columns that hold text, as they lie in rows: encrypted behind a mark, or as they are.

A store that encrypts still holds rows of the time before, until they were all written anew. The
mark is a byte that neither JSON nor a frame of `contents` begins with.
"""

from __future__ import annotations

from typing import Final

from backstory.domain.entries import Shape
from backstory.encryption.cipher import OVERHEAD, At, Cipher, Purpose
from backstory.encryption.ring import Key
from backstory.errors import KeyUnusableError
from backstory.storage import contents, deltas
from backstory.storage.tables.database import Database

MARK: Final = 0x10
SEALED: Final = 0x10
"""Is added to a codec where the body is encrypted."""
_MARK: Final = bytes([MARK])
_MARKS: Final = tuple(bytes([MARK | shape]) for shape in Shape)
_LAST: Final = MARK + len(Shape)
_UUID_BYTES: Final = 16


def cipher_of(db: Database) -> Cipher:
    """
    Raises:
        KeyUnusableError: the store was opened without a master key.
    """
    if db.cipher is None:
        raise KeyUnusableError("what is stored is encrypted; name its key with master_key")
    return db.cipher


def seal(db: Database, key: Key | None, at: At, text: bytes) -> bytes:
    """What to store of a text."""
    return text if key is None else cipher_of(db).seal(key, at, text, _MARK)


def unseal(db: Database, at: At, stored: bytes) -> bytes:
    """The text.

    Raises:
        GoneError, StoreCorruptError, KeyUnusableError: as `Cipher.open` and `cipher_of`.
    """
    return cipher_of(db).open(at, stored[1:]) if stored[:1] == _MARK else stored


def added(key: Key | None, *, marked: bool = False) -> int:
    """The bytes that encryption adds to what is stored, which nobody's quota has to pay."""
    return 0 if key is None else OVERHEAD + marked


# -- entries -----------------------------------------------------------------------------


def seal_content(db: Database, key: Key | None, tenant: int, rowid: int, content: bytes) -> bytes:
    """An entry's content. The mark tells its shape, which outlines need."""
    body = contents.encode(content)
    if key is None:
        return body
    mark = _MARKS[Shape.of(content)]
    return cipher_of(db).seal(key, _at(Purpose.CONTENT, tenant, rowid), body, mark)


def unseal_content(db: Database, tenant: int, rowid: int, stored: bytes) -> bytes:
    """The content, byte for byte."""
    if not MARK <= stored[0] < _LAST:
        return contents.decode(stored)
    cipher = db.cipher or cipher_of(db)
    return contents.decode(cipher.open_content(tenant, rowid >> 32, rowid & 0xFFFFFFFF, stored))


def is_sealed_content(stored: bytes) -> bool:
    """Also tells it from a beginning of what is stored."""
    return MARK <= stored[0] < _LAST


def shape(beginning: bytes) -> Shape:
    """As `contents.shape`."""
    return Shape(beginning[0] - MARK) if is_sealed_content(beginning) else contents.shape(beginning)


def seal_metadata(
    db: Database, key: Key | None, tenant: int, rowid: int, metadata: bytes | None
) -> bytes | None:
    if metadata is None:
        return None
    return seal(db, key, _at(Purpose.METADATA, tenant, rowid), metadata)


def unseal_metadata(db: Database, tenant: int, rowid: int, stored: bytes | None) -> bytes | None:
    if stored is None or stored[0] != MARK:
        return stored
    return unseal(db, _at(Purpose.METADATA, tenant, rowid), stored)


def seal_id(
    db: Database, key: Key | None, tenant: int, rowid: int, packed: str | bytes
) -> str | bytes:
    """An entry's id as `rows.pack_id` made it. One that is a UUID tells nothing."""
    if key is None or isinstance(packed, bytes):
        return packed
    return cipher_of(db).seal(key, _at(Purpose.ENTRY_ID, tenant, rowid), packed.encode())


def unseal_id(db: Database, tenant: int, rowid: int, stored: str | bytes) -> str | bytes:
    if isinstance(stored, str) or len(stored) == _UUID_BYTES:
        return stored
    return cipher_of(db).open(_at(Purpose.ENTRY_ID, tenant, rowid), stored).decode()


def is_sealed_id(stored: str | bytes | None) -> bool:
    return isinstance(stored, bytes) and len(stored) != _UUID_BYTES


def _at(purpose: Purpose, tenant: int, rowid: int) -> At:
    return purpose, tenant, rowid >> 32, rowid & 0xFFFFFFFF


# -- documents ---------------------------------------------------------------------------


def seal_document(
    db: Database,
    key: Key | None,
    tenant: int,
    place: tuple[int, int],
    encoded: tuple[deltas.Codec, bytes],
) -> tuple[int, bytes]:
    """Codec and body of the document that a context had at a version."""
    codec, body = encoded
    if key is None:
        return int(codec), body
    sealed = cipher_of(db).seal(key, (Purpose.DOCUMENT, tenant, *place), body)
    return codec | SEALED, sealed


def unseal_document(
    db: Database, tenant: int, place: tuple[int, int], codec: int, body: bytes
) -> tuple[deltas.Codec, bytes]:
    if not codec & SEALED:
        return deltas.Codec(codec), body
    return deltas.Codec(codec & ~SEALED), cipher_of(db).open(
        (Purpose.DOCUMENT, tenant, *place), body
    )


# -- chunks ------------------------------------------------------------------------------


def seal_chunk(
    db: Database, key: Key | None, tenant: int, number: int, encoded: tuple[int, bytes]
) -> tuple[int, bytes]:
    """Codec and body of a chunk."""
    codec, body = encoded
    if key is None:
        return int(codec), body
    cipher = cipher_of(db)
    return codec | SEALED, cipher.seal(key, (Purpose.CHUNK, tenant, key.scope, number), body)


def unseal_chunk(
    db: Database, tenant: int, number: int, codec: int, body: bytes
) -> tuple[int, bytes]:
    if not codec & SEALED:
        return codec, body
    cipher = cipher_of(db)
    scope = cipher.scope(body)
    return codec & ~SEALED, cipher.open((Purpose.CHUNK, tenant, scope, number), body)
