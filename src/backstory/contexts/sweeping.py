"""The removal of what is over, in the background: expired contexts, old keys and notes."""

from __future__ import annotations

import asyncio
import logging

from backstory import limits
from backstory.clock import Clock
from backstory.errors import BackstoryError
from backstory.ports.store import Store

logger = logging.getLogger(__name__)


class Sweeper:
    """Runs until it is cancelled; a failure is logged and the next run tries again."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        while True:
            try:
                expired = await self.sweep()
            except BackstoryError as error:
                logger.warning("cannot sweep: %s (%s)", error.detail, error.code)
                expired = 0
            if expired < limits.SWEEP_CONTEXTS:
                await asyncio.sleep(limits.SWEEP_SECONDS)

    async def sweep(self) -> int:
        """One run; returns how many contexts it expired."""
        return await self._store.sweep(self._clock.now())
