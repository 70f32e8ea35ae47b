"""What is done in the background: what is over goes, states follow the schemas of their kinds."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from backstory import limits
from backstory.clock import Clock
from backstory.contexts.migrating import Migrator
from backstory.errors import BackstoryError
from backstory.ports.events import OK
from backstory.ports.store import Store
from backstory.resilience.trouble import Trouble

logger = logging.getLogger(__name__)


class Sweeper:
    """Runs until it is cancelled; a failure is logged and the next run tries again."""

    def __init__(self, store: Store, clock: Clock, migrator: Migrator) -> None:
        self._store = store
        self._clock = clock
        self._migrator = migrator
        self.runs: Counter[str] = Counter()
        """How many there were, by the code of what stopped them or `ok`."""
        self.done = 0
        """Contexts that expired or were brought to a new schema."""

    async def run(self) -> None:
        trouble = Trouble(logger, "sweep")
        while True:
            try:
                done = max(await self.sweep(), await self._migrator.migrate())
                trouble.over()
                self.runs[OK] += 1
                self.done += done
            except BackstoryError as error:
                trouble.met(error)
                self.runs[error.code] += 1
                done = 0
            if done < limits.SWEEP_CONTEXTS:
                await asyncio.sleep(limits.SWEEP_SECONDS)

    async def sweep(self) -> int:
        """One run; returns how many contexts it expired. Goes on with interrupted erasures, too."""
        done = await self._store.sweep(self._clock.now())
        await self._store.finish_erasures()
        return done
