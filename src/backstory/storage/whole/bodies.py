"""Manifests and chunks of an encrypted store under the plain names of the store."""

from __future__ import annotations

from collections.abc import Iterator

from backstory.domain.content import ENTRY_BYTES, Manifest
from backstory.domain.sealing import Seal
from backstory.encryption.cipher import Cipher, Purpose
from backstory.errors import GoneError
from backstory.storage.tables import sealing
from backstory.storage.whole.checks import pieces
from backstory.storage.whole.lines import Row, Rows
from backstory.storage.whole.tables import TABLES


class Bodies:
    """Those of one tenant, whose rows are given in the order of the tables."""

    def __init__(self, cipher: Cipher, seal: Seal, tenant: str, number: int) -> None:
        self._cipher, self._seal, self._tenant, self._number = cipher, seal, tenant, number
        self._roots: list[tuple[int, bytes]] = []
        self._pages: dict[int, dict[int, bytes]] = {}
        self._manifests: dict[int, int | None] = {}
        self._names: dict[bytes, bytes] = {}
        self._named: dict[bytes, int] = {}
        self._chunks: dict[int, int] = {}

    def manifest(self, row: Row) -> None:
        """Told by `manifests`, when its pages are known."""
        number, root = row
        self._roots.append((number, root))

    def page(self, row: Row) -> None:
        manifest, start, body = row
        self._pages.setdefault(manifest, {})[start] = body

    def manifests(self) -> Iterator[Rows]:
        """All of them, and then their pages; of equal ones the first."""
        kept: dict[bytes, int] = {}
        for number, root in self._roots:
            opened = self._opened(number, root)
            self._manifests[number] = None if opened is None else kept.setdefault(opened, number)
        for some in pieces((number, root) for root, number in kept.items()):
            yield Rows(TABLES["manifests"], some)
        pages = ((n, *page) for n in kept.values() for page in sorted(self._pages[n].items()))
        for some in pieces(pages):
            yield Rows(TABLES["manifest_pages"], some)
        self._pages.clear()

    def _opened(self, manifest: int, root: bytes) -> bytes | None:
        """The root, after the pages were opened; None where their key is destroyed."""
        pages = self._pages.setdefault(manifest, {})
        is_sealed = any(len(body) % ENTRY_BYTES for body in pages.values())
        try:
            for start, body in pages.items():
                pages[start] = self._page(manifest, start, body, is_sealed=is_sealed)
        except GoneError:
            return None
        return Manifest(b"".join(pages[each] for each in sorted(pages))).root if is_sealed else root

    def _page(self, manifest: int, start: int, body: bytes, *, is_sealed: bool) -> bytes:
        scope = self._cipher.scope(body) if is_sealed else 0
        if is_sealed:
            body = self._cipher.open((Purpose.PAGE, self._number, manifest, start), body)
        for ref in Manifest(body):
            name = self._seal.chunk_name(self._tenant, ref.hash)
            kept = self._cipher.name(0, scope, b"chunk", name) if is_sealed else name
            self._names[kept] = name
        return body

    def chunk(self, row: Row) -> Row | None:
        """None for one that no manifest names, or that is there already under its plain name."""
        number, kept, size = row
        name = self._names.get(kept)
        if name is None:
            return None
        self._chunks[number] = self._named.setdefault(name, number)
        return (number, name, size) if self._chunks[number] == number else None

    def chunk_body(self, row: Row) -> Row | None:
        number, codec, body = row
        if self._chunks.get(number) != number:
            return None
        if not codec & sealing.SEALED:
            return row
        at = Purpose.CHUNK, self._number, self._cipher.scope(body), number
        return number, codec & ~sealing.SEALED, self._cipher.open(at, body)

    def chunk_ref(self, row: Row) -> Row | None:
        chunk, manifest = row
        if chunk not in self._chunks or self._manifests.get(manifest) != manifest:
            return None
        return self._chunks[chunk], manifest

    def content(self, row: Row) -> Row:
        context, version, manifest = row
        return context, version, None if manifest is None else self._manifests[manifest]
