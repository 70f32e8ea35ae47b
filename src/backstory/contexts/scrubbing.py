"""The scrub: a slow look at all that is stored, over and over, by one process of all.

How far it has come, and what it has found, is a note in the store: whoever is asked can tell, and
after a restart it goes on where it was. Damage is told in the log, by `/healthz` and metrics;
nothing is mended.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from backstory import ids, limits
from backstory.clock import SECOND, Clock
from backstory.errors import BackstoryError, StoreCorruptError
from backstory.ports.scrubbing import ORDER, Damage, Looked, Place, Scrubs
from backstory.ports.store import Notes
from backstory.resilience.trouble import Trouble

logger = logging.getLogger(__name__)

_NOBODY: Final = ""  # notes of no tenant: a caller always has one with a name
_NOTE: Final = "scrub/report"
_KEPT_SECONDS: Final = 10 * 366 * 24 * 3600
_HOUR: Final = 3600 * SECOND


class Report(msgspec.Struct, frozen=True):
    """What is known of the present look and of the last whole one. Times are microseconds.

    `place` is where it goes on, None where none is under way; `before` what the last whole look
    has found, which counts until the next is over.
    """

    place: Place | None = None
    begun: int = 0
    ended: int = 0
    counts: dict[str, int] = {}
    found: tuple[Damage, ...] = ()
    before: tuple[Damage, ...] = ()
    holder: str = ""
    until: int = 0

    @property
    def damage(self) -> tuple[Damage, ...]:
        """Each damaged thing once."""
        return tuple(dict.fromkeys((*self.before, *self.found)))


class Scrub:
    """Looks, and tells. `hours` lie between the ends of two looks; with 0 it only reads."""

    def __init__(self, scrubs: Scrubs, notes: Notes, clock: Clock, hours: int = 0) -> None:
        self._scrubs, self._notes, self._clock = scrubs, notes, clock
        self._hours = hours
        self._name = ids.text(ids.commit_id())
        self._written: bytes | None = None
        self.report = Report()
        """What was known when the note was last read or written."""

    async def run(self) -> None:
        """Over and over, gently; one process does it, the others read what it tells."""
        trouble = Trouble(logger, "scrub")
        began = time.monotonic()
        while True:
            try:
                await self.read()
                settled = time.monotonic() - began >= limits.SCRUB_DELAY_SECONDS
                if settled and self._is_due() and await self._take():
                    await self._go_on()
                trouble.over()
            except BackstoryError as error:
                trouble.met(error)
            await asyncio.sleep(limits.SCRUB_DELAY_SECONDS)

    async def read(self) -> Report:
        """What the note says.

        Raises:
            StoreError: the store cannot be asked.
        """
        self._written = await self._notes.get_note(_NOBODY, _NOTE)
        if self._written is not None:
            try:
                self.report = msgspec.json.decode(self._written, type=Report)
            except msgspec.DecodeError:  # of another release
                self.report = Report()
        return self.report

    async def now(self, tell: Callable[[Place, Looked], None]) -> Report:
        """A whole look at once, from the beginning, whoever else is at one.

        Raises:
            StoreError: the store cannot be asked.
        """
        await self.read()
        self._begin()
        while (place := self.report.place) is not None:
            tell(place, await self._step(place))
        await self._notes.put_note(_NOBODY, _NOTE, self._encoded(), self._expiry())
        return self.report

    async def check(self) -> None:
        """See whether everything was whole.

        Raises:
            StoreCorruptError: something was not; the detail says what.
        """
        if found := self.report.damage:
            raise StoreCorruptError(
                f"a scrub has found {len(found)} damaged things, the first: {found[0]}; "
                "`backstory scrub` looks again and lists them"
            )

    def numbers(self) -> Iterator[tuple[str, tuple[str, ...], float]]:
        """As `ports.hooks.Numbers` wants them; those who do not look tell the same."""
        for what in ORDER:
            count = sum(one.what == what for one in self.report.damage)
            yield "scrub_damage", (what,), count
        yield "scrub_ended_seconds", (), self.report.ended / SECOND

    def _is_due(self) -> bool:
        if not self._hours:
            return False
        report, now = self.report, self._clock.now()
        if report.place is not None:
            return report.holder == self._name or now >= report.until
        return not report.ended <= now < report.ended + self._hours * _HOUR

    async def _take(self) -> bool:
        """Whether it is this process's turn; where others want it, too, one gets it."""
        if self.report.place is None:
            self._begin()
        return await self._keep()

    def _begin(self) -> None:
        before, ended = self.report.before, self.report.ended
        self.report = Report(Place(), self._clock.now(), ended, before=before)

    async def _go_on(self) -> None:
        kept_at = time.monotonic()
        while (place := self.report.place) is not None:
            begun = time.monotonic()
            await self._step(place)
            took = time.monotonic() - begun
            if self.report.place is None or begun - kept_at > limits.SCRUB_KEEP_SECONDS:
                kept_at = begun
                if not await self._keep():
                    return  # somebody else goes on with it
            await asyncio.sleep(max(limits.SCRUB_PAUSE_SECONDS, limits.SCRUB_REST * took))

    async def _step(self, place: Place) -> Looked:
        try:
            looked = await self._scrubs.scrub(place)
        except StoreCorruptError as error:
            looked = _passed_over(place, error)
        for one in looked.damage:
            logger.error("damage in the store: %s", one)
        self._add(place, looked)
        return looked

    def _add(self, place: Place, looked: Looked) -> None:
        report = self.report
        counts = report.counts | {place.what: report.counts.get(place.what, 0) + looked.count}
        found = (*report.found, *looked.damage)[: limits.SCRUB_DAMAGE]
        if looked.next is not None:
            self.report = msgspec.structs.replace(
                report, place=looked.next, counts=counts, found=found
            )
            return
        self.report = Report(None, report.begun, self._clock.now(), counts, (), found)
        logger.info(
            "a scrub is over: %s looked at, %d damaged",
            ", ".join(f"{counts.get(what, 0)} of {what}" for what in ORDER),
            len(found),
        )

    async def _keep(self) -> bool:
        """Write down how far it has come; False where somebody else has done so meanwhile."""
        until = self._clock.now() + int(limits.SCRUB_LEASE_SECONDS * SECOND)
        self.report = msgspec.structs.replace(self.report, holder=self._name, until=until)
        note = self._encoded()
        if not await self._notes.swap_note(_NOBODY, _NOTE, self._written, note, self._expiry()):
            return False
        self._written = note
        return True

    def _encoded(self) -> bytes:
        return msgspec.json.encode(self.report)

    def _expiry(self) -> int:
        return self._clock.now() + _KEPT_SECONDS * SECOND


def _passed_over(place: Place, error: StoreCorruptError) -> Looked:
    """Rows that cannot be read at all are told of, and what is of another kind is looked at."""
    at = ORDER.index(place.what) + 1
    behind = Place(ORDER[at]) if at < len(ORDER) else None
    where = f"behind number {place.after}"
    return Looked(behind, 0, (Damage(place.what, "", where, error.detail),))
