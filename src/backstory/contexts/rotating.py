"""Keys are rotated in the background, gently, by one process of all.

A master key that is named first wraps what others wrapped; data keys that are too old are replaced;
rows are brought under the keys that write. Another process goes on where one was interrupted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

from backstory import limits
from backstory.clock import SECOND, Clock
from backstory.contexts.rotation_note import LostError, Report, RotationNote
from backstory.errors import BackstoryError, StoreCorruptError
from backstory.ports.rotating import Keyed
from backstory.ports.store import Notes
from backstory.resilience.checking import Look
from backstory.resilience.trouble import Trouble

logger = logging.getLogger(__name__)

_DAY: Final = 24 * 3600 * SECOND


class Rotation:
    """Replaces data keys after some `days`; with 0 only what operators have begun goes on."""

    def __init__(self, keyed: Keyed, notes: Notes, clock: Clock, days: int) -> None:
        self._keyed, self._clock, self._days = keyed, clock, days
        self._note = RotationNote(notes, clock)
        self._announced = False
        self._failed: BackstoryError | None = None

    @property
    def report(self) -> Report:
        """What was known when the note was last read or written."""
        return self._note.report

    async def run(self) -> None:
        """Until it is cancelled."""
        trouble = Trouble(logger, "rotate keys")
        while True:
            await asyncio.sleep(limits.ROTATE_DELAY_SECONDS)
            try:
                await self.turn()
                self._failed = None
                trouble.over()
            except BackstoryError as error:
                self._failed = error
                trouble.met(error)

    async def check(self) -> Look:
        """How it stands, for `/healthz`; what stopped the last try is raised."""
        if self._failed is not None:
            raise self._failed
        report = self.report
        rotating = float(report.begun > 0)
        return Look(facts={"rotating": rotating, "keys": report.keys, "rows": report.rows})

    async def turn(self) -> None:
        """See whether it is this process's turn; if so, do what there is to do.

        Raises:
            StoreError, KeyUnusableError: it cannot be done, and is tried again.
        """
        try:
            await self._note.read()
            if not self._announced:
                await self._announce()
            if self._is_due():
                await self._note.keep()
                await self._rotate()
                await self._end()
        except LostError:
            return

    async def _announce(self) -> None:
        """Where processes would have different keys wrap, that of whoever started last counts."""
        if self.report.master != self._keyed.master:
            await self._note.write(master=self._keyed.master, since=self._clock.now())
        self._announced = True

    def _is_due(self) -> bool:
        report, look = self.report, limits.ROTATE_LOOK_SECONDS * SECOND
        looked = report.looked <= self._clock.now() < report.looked + look
        counts = report.master == self._keyed.master
        return counts and self._note.is_free and (report.begun > 0 or not looked)

    async def _rotate(self) -> None:
        await self._wrap()
        await self._renew()
        damage: StoreCorruptError | None = None
        async for tenant in self._tenants():
            try:
                await self._reseal(tenant)
            except StoreCorruptError as error:  # the others do not wait for it
                damage = error
        if damage is not None:
            raise damage

    async def _begin(self) -> None:
        if not self.report.begun:
            await self._note.keep(begun=self._clock.now(), keys=0, rows=0, before=0)
            logger.info("keys are rotated in the background")

    async def _end(self) -> None:
        report = self.report
        await self._note.write(looked=self._clock.now(), begun=0, tenant="", holder="", until=0)
        if report.begun:
            logger.info(
                "the rotation of keys is over: %d keys replaced, %d rows encrypted",
                report.keys,
                report.rows,
            )

    # -- what there is to do -----------------------------------------------------------

    async def _wrap(self) -> None:
        report = self.report
        settled = self._clock.now() - report.since >= limits.ROTATE_SETTLE_SECONDS * SECOND
        if report.wrapping or (settled and not await self._keyed.is_wrapped()):
            await self._begin()
            await self._note.keep(wrapping=True)
            await self._keyed.rewrap_keys()
            await self._note.keep(wrapping=False)

    async def _renew(self) -> None:
        if not self._days:
            return
        now, age = self._clock.now(), self._days * _DAY
        old = [mark for mark in self.report.marks if mark[0] <= now - age]
        marks = self.report.marks[len(old) :]
        if old:
            await self._begin()
            renewed = await self._keyed.renew_old_keys(old[-1][1])
            await self._note.keep(marks=marks, keys=self.report.keys + renewed)
        newest = await self._keyed.newest_key()
        last_at, last = marks[-1] if marks else (0, 0)
        if newest > last and now - last_at >= age // limits.KEY_MARKS:
            await self._note.keep(marks=(*marks, (now, newest)))

    async def _tenants(self) -> AsyncIterator[str]:
        after = ""
        while found := await self._keyed.tenants(after, limits.PAGE_MAX):
            for tenant in found:
                yield tenant
            after = found[-1]

    async def _reseal(self, tenant: str) -> None:
        await self._note.keep_sometimes()
        if await self._keyed.is_resealed(tenant):
            return
        if self.report.tenant != tenant:
            self._note.change(tenant=tenant, before=self.report.rows)
        async with aclosing(self._keyed.reseal(tenant)) as steps:
            stepped = time.monotonic()
            async for rows in steps:
                took = time.monotonic() - stepped
                if rows:
                    await self._begin()
                self._note.change(rows=self.report.before + rows)
                await self._note.keep_sometimes()
                await asyncio.sleep(max(limits.ROTATE_PAUSE_SECONDS, limits.ROTATE_REST * took))
                stepped = time.monotonic()
