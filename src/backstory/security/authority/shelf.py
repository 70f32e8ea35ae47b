"""Notes of the store as typed records.

A record is changed by compare and swap, so that of all who change it at the same time, on any
node, one is first and the others see what it did.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final, Generic, TypeVar

import msgspec

from backstory import limits
from backstory.errors import StoreCorruptError
from backstory.ports.store import Notes

R = TypeVar("R")

NOBODY: Final = ""
"""The notes of no tenant: a tenant always has a name."""


class Shelf(Generic[R]):
    """Records of one type, each under a name in `folder`."""

    def __init__(self, notes: Notes, folder: str, kind: type[R]) -> None:
        self._notes = notes
        self._folder = f"authority/{folder}/"
        self._decoder = msgspec.json.Decoder(kind)

    async def get(self, name: str) -> R | None:
        """The record, None where there is none or its time is over."""
        kept = await self._notes.get_note(NOBODY, self._folder + name)
        return None if kept is None else self._read(self._folder + name, kept)

    async def add(self, name: str, record: R, until: int) -> bool:
        """Keep a new one; False where there is one already."""
        path = self._folder + name
        return await self._notes.swap_note(NOBODY, path, None, msgspec.json.encode(record), until)

    async def change(
        self, name: str, change: Callable[[R | None], R], until: Callable[[R], int]
    ) -> R:
        """Put what `change` makes of the present record in its place, and return that.

        `change` may be called several times; whatever it raises leaves all as it is.
        """
        path = self._folder + name
        while True:
            kept = await self._notes.get_note(NOBODY, path)
            before = None if kept is None else self._read(path, kept)
            after = change(before)
            if after == before:
                return after
            raw = msgspec.json.encode(after)
            if await self._notes.swap_note(NOBODY, path, kept, raw, until(after)):
                return after

    async def drop(self, name: str) -> None:
        """Keep it no longer; nothing where there is none."""
        await self._notes.delete_note(NOBODY, self._folder + name)

    async def all(self, below: str = "") -> AsyncIterator[tuple[str, R]]:
        """Every record whose name begins so, in order of their names."""
        after, size = "", limits.PAGE_MAX
        while size == limits.PAGE_MAX:
            page = await self._notes.list_notes(NOBODY, self._folder + below, after, size)
            for path, kept in page:
                yield path.removeprefix(self._folder), self._read(path, kept)
                after = path
            size = len(page)

    def _read(self, path: str, kept: bytes) -> R:
        try:
            return self._decoder.decode(kept)
        except msgspec.MsgspecError as error:
            raise StoreCorruptError(
                f"the note {path} of the authorization server cannot be read: {error}"
            ) from error
