"""Reading content, as it stands or as it stood."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from backstory.contexts.reading import Reader
from backstory.domain.content import ContentRef
from backstory.domain.contexts import Head
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Principal
from backstory.errors import MissingError
from backstory.ports.store import Store


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a context at one version; its bytes are read when they are asked for."""

    head: Head
    ref: ContentRef
    _store: Store
    _tenant: str

    async def pieces(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to `stop` (excluded), about `limits.CONTENT_READ_BYTES` at once.

        Raises:
            ContentCorruptError: a chunk is damaged; nothing of it was passed on.
            MissingError: the content was erased meanwhile.
        """
        while start < stop:
            piece = await self._store.read_content(self._tenant, self.ref.root, start, stop)
            start += len(piece)
            yield piece

    async def read(self, start: int, stop: int) -> bytes:
        """The same bytes at once; for few of them."""
        return b"".join([piece async for piece in self.pieces(start, stop)])


class Fetcher:
    """Opens content for those who may read."""

    def __init__(self, store: Store, reader: Reader) -> None:
        self._store = store
        self._reader = reader

    async def open(self, principal: Principal, key: ContextKey, at: int | None = None) -> Content:
        """The content at the present or an earlier version.

        Raises:
            MissingError: there is no such living context for the caller, or it has no content.
            GoneError: version `at` cannot be read back.
        """
        reading = await self._reader.read(principal, key, at=at)
        return self.of(principal, reading.head)

    def of(self, principal: Principal, head: Head) -> Content:
        """The content that a head names.

        Raises:
            MissingError: it names none.
        """
        if head.content is None:
            raise MissingError(f"{head.key} has no content at version {head.version}")
        return Content(head, head.content, self._store, principal.tenant)
