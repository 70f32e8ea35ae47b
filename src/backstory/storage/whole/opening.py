"""The rows of an encrypted store as they would be without encryption.

What is bound to numbers and keys of its own store is opened on the way. Chunks and manifests have
names that only those know who share a key: they get the store's plain names again, and what two
subjects keep each for itself becomes one. What lies under a key that is destroyed is told as redacted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from backstory.domain.sealing import Seal
from backstory.encryption.cipher import Cipher, Purpose
from backstory.errors import GoneError, KeyUnusableError
from backstory.storage.meta import secret_of
from backstory.storage.tables import rows, sealing
from backstory.storage.tables.safe import Safe
from backstory.storage.whole.bodies import Bodies
from backstory.storage.whole.lines import Row, Rows
from backstory.storage.whole.tables import TABLES, Table

_KEYS_NOTES: Final = frozenset({"resealing", "keys/rotation"})
"""How far keys were rotated, which is said of this store alone."""


def opening_of(safe: Safe | None, secret: bytes) -> Opening:
    """
    Raises:
        KeyUnusableError: the master key is not there, or the keys are those of another store.
    """
    if safe is not None:
        safe.open()
    if safe is None or safe.cipher is None:
        raise KeyUnusableError("what is stored is encrypted; name its key with master_key")
    return Opening(safe, safe.cipher, secret_of(safe.cipher, secret))


class Opening:
    """Opens the rows of one tenant after the other, in the order of the tables."""

    def __init__(self, safe: Safe, cipher: Cipher, secret: bytes) -> None:
        """`secret` is the store's, opened."""
        self.secret = secret
        self._safe, self._cipher, self._seal = safe, cipher, Seal(secret)
        self._openers: dict[str, Callable[[Row], Row | None]] = {
            "contexts": self._context,
            "states": self._state,
            "entries": self._entry,
            "documents": self._document,
            "notes": self._note,
        }

    def begin(self, name: str, number: int | None) -> None:
        """What follows is of this tenant."""
        self._name, self._number = name, number or 0
        self._state_versions: dict[int, int] = {}
        bodies = Bodies(self._cipher, self._seal, name, self._number)
        self._openers |= {
            "manifests": bodies.manifest,
            "manifest_pages": bodies.page,
            "chunks": bodies.chunk,
            "chunk_bodies": bodies.chunk_body,
            "chunk_refs": bodies.chunk_ref,
            "contents": bodies.content,
        }
        self._bodies = bodies

    def rows(self, table: Table, found: Iterable[Row]) -> list[Rows]:
        """Some rows of a table; of some of them `end` tells, or nobody.

        Raises:
            GoneError, StoreCorruptError, KeyUnusableError: as `Cipher.open`.
        """
        opened = map(self._openers.get(table.name, tuple), found)
        some = [row for row in opened if row is not None]
        return [Rows(table, some)] if some else []

    def end(self, table: Table) -> list[Rows]:
        """What is known only when all rows of a table were seen."""
        return list(self._bodies.manifests()) if table.name == "manifest_pages" else []

    def _open(self, purpose: Purpose, place: int, what: int, stored: bytes | None) -> bytes | None:
        if stored is None or stored[:1] != bytes([sealing.MARK]):
            return stored
        return self._cipher.open((purpose, self._number, place, what), stored[1:])

    def _context(self, row: Row) -> Row:
        of = dict(zip(TABLES["contexts"].columns, row, strict=True))
        self._state_versions[of["id"]] = of["state_version"]
        place = rows.place_of(of["uid"])
        try:
            content = self._open(Purpose.REFERENCE, place, of["content_version"], of["content"])
        except GoneError:
            content = None
        return (*row[:-1], content)

    def _state(self, row: Row) -> Row:
        context, body = row
        return context, self._open(Purpose.STATE, context, self._state_versions[context], body)

    def _document(self, row: Row) -> Row:
        context, version, codec, body = row
        if not codec & sealing.SEALED:
            return row
        at = Purpose.DOCUMENT, self._number, context, version
        return context, version, codec & ~sealing.SEALED, self._cipher.open(at, body)

    def _entry(self, row: Row) -> Row:
        rowid, version, created_at, voice, content, metadata, entry_id, id_key, tokens = row
        log, seq = rows.log_and_seq(rowid)
        try:
            if content is not None and sealing.is_sealed_content(content):
                content = self._cipher.open_content(self._number, log, seq, content)
            metadata = self._open(Purpose.METADATA, log, seq, metadata)
            if sealing.is_sealed_id(entry_id):
                at = Purpose.ENTRY_ID, self._number, log, seq
                entry_id = self._cipher.open(at, entry_id).decode()
        except GoneError:
            content = metadata = entry_id = id_key = None
        return rowid, version, created_at, voice, content, metadata, entry_id, id_key, tokens

    def _note(self, row: Row) -> Row | None:
        name, value, expires_at = row
        if name in _KEYS_NOTES:
            return None
        return name, self._safe.unseal(self._name, name, value), expires_at
