"""How far a rotation of keys has come: a note in the store, which says whose turn it is, too."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from backstory import ids, limits
from backstory.clock import SECOND, Clock
from backstory.ports.store import Notes

_NOBODY: Final = ""  # notes of no tenant: a caller always has one with a name
_NOTE: Final = "keys/rotation"
_KEPT_SECONDS: Final = 100 * 366 * 24 * 3600


class Report(msgspec.Struct, frozen=True):
    """How rotation stands. Times are microseconds, 0 where there is none.

    `master` is the key that whoever started last has wrapping, and `since` when that began.
    `marks` are times with the newest key of then, by which it is known how old keys are. `before`
    are the rows that were encrypted before the `tenant` that is under way.
    """

    master: str = ""
    since: int = 0
    wrapping: bool = False
    marks: tuple[tuple[int, int], ...] = ()
    looked: int = 0
    begun: int = 0
    keys: int = 0
    rows: int = 0
    tenant: str = ""
    before: int = 0
    holder: str = ""
    until: int = 0


class LostError(Exception):
    """Another process has written the note meanwhile."""


class RotationNote:
    """The note as this process knows it."""

    def __init__(self, notes: Notes, clock: Clock) -> None:
        self._notes, self._clock = notes, clock
        self._name = ids.text(ids.commit_id())
        self._written: bytes | None = None
        self._kept_at = 0.0
        self.report = Report()

    @property
    def is_free(self) -> bool:
        """Whether no other process is at it."""
        return self.report.holder == self._name or self._clock.now() >= self.report.until

    async def read(self) -> None:
        """See what others have written."""
        self._written = await self._notes.get_note(_NOBODY, _NOTE)
        self.report = _report(self._written)

    def change(self, **changes: Any) -> None:
        """Change what is written next."""
        self.report = msgspec.structs.replace(self.report, **changes)

    async def write(self, **changes: Any) -> None:
        """Write it down.

        Raises:
            LostError: another process did so.
        """
        self.change(**changes)
        note = msgspec.json.encode(self.report)
        expiry = self._clock.now() + _KEPT_SECONDS * SECOND
        if not await self._notes.swap_note(_NOBODY, _NOTE, self._written, note, expiry):
            raise LostError
        self._written = note

    async def keep(self, **changes: Any) -> None:
        """The same, and that this process goes on with it."""
        until = self._clock.now() + int(limits.ROTATE_LEASE_SECONDS * SECOND)
        await self.write(holder=self._name, until=until, **changes)
        self._kept_at = time.monotonic()

    async def keep_sometimes(self) -> None:
        """The same, where the last time is a while ago."""
        if time.monotonic() - self._kept_at >= limits.ROTATE_KEEP_SECONDS:
            await self.keep()


async def report_of(get_note: Callable[[str, str], Awaitable[bytes | None]]) -> Report:
    """How the rotation of a store's keys stands.

    Raises:
        StoreError: it cannot be asked.
    """
    return _report(await get_note(_NOBODY, _NOTE))


def _report(note: bytes | None) -> Report:
    if note is None:
        return Report()
    try:
        return msgspec.json.decode(note, type=Report)
    except msgspec.DecodeError:  # of another release
        return Report()
