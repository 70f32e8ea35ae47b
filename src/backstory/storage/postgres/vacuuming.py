"""Takes erased text out of the tables' files.

PostgreSQL leaves a deleted row where it is until VACUUM comes by. After an erasure it is called
at once, for all tables that hold text, once for all erasures that came meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from backstory import limits
from backstory.errors import StoreError
from backstory.resilience.deadlines import detached
from backstory.storage.postgres.connecting import Connections
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.faults import FOREIGN, translate

_log = logging.getLogger(__name__)

TABLES: Final = (
    "entries",
    "entry_words",
    "states",
    "state_words",
    "documents",
    "contexts",
    "labels",
    "contents",
    "manifests",
    "manifest_pages",
    "chunks",
    "chunk_bodies",
)
"""Those from which something is deleted when something is erased."""


class Vacuum:
    """Runs after erasures, one at a time, in the background of one process."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._wanted = False
        self._task: asyncio.Task[None] | None = None

    def wanted(self) -> None:
        """Something was erased."""
        self._wanted = True
        if self._task is None:
            self._task = asyncio.create_task(
                self._work(), name="backstory-vacuum", context=detached()
            )

    async def close(self) -> None:
        """Stop; what is left is done after the next erasure, or by the server's autovacuum."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        try:
            while self._wanted:
                self._wanted = False
                await self._vacuum()
                await asyncio.sleep(limits.VACUUM_PAUSE_SECONDS)
        except StoreError as error:
            _log.warning("erased text waits for the server's autovacuum: %s", error.detail)
        finally:
            self._task = None

    async def _vacuum(self) -> None:
        """It takes as long as it takes, and keeps nobody waiting for a connection."""
        try:
            async with self._connections.apart() as connection:
                for table in TABLES:
                    await connection.execute(
                        QUERIES.vacuum.format(table=table), timeout=limits.VACUUM_SECONDS
                    )
        except FOREIGN as error:
            raise translate(error) from error
