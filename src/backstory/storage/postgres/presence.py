"""Whether the server is there, as far as anybody knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

from backstory import limits
from backstory.errors import StoreUnavailableError
from backstory.resilience.breaker import Breaker, Pass
from backstory.storage.postgres.faults import FOREIGN, is_away, is_outage


class Presence:
    """A breaker, and what tells it of the server.

    `look` finds out whether the server is there, and raises what says that it is not; `lost` is
    called when somebody knows that it is away.
    """

    def __init__(
        self, look: Callable[[], Awaitable[None]], breaker: Breaker, lost: Callable[[], None]
    ) -> None:
        self._look, self._breaker, self._lost = look, breaker, lost

    def require(self) -> None:
        """Nothing, while the server is not known to be away.

        Raises:
            StoreUnavailableError: it is.
        """
        if self._breaker.refuses:
            raise self._refused()

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Around whatever asks the server, so that what comes of it is known to all.

        Raises:
            StoreUnavailableError: the server is known to be away.
        """
        held = await self._admitted()
        well: bool | None = None
        try:
            yield
            well = True
        except Exception as error:
            well = self._verdict(error)
            raise
        finally:
            self._breaker.leave(held, well=well)

    async def _admitted(self) -> Pass:
        """Leave to ask; whoever is the probe looks first, on behalf of all."""
        held = self._breaker.enter()
        if held is not None and held.probe:
            there = None
            try:
                there = await self._is_there()
            finally:
                self._breaker.leave(held, well=there)
            held = self._breaker.enter() if there else None
        if held is None:
            raise self._refused()
        return held

    def _verdict(self, error: Exception) -> bool | None:
        """What an error tells of the server: True where it answered, None where nobody knows.

        What the driver said may have been made an error of ours already.
        """
        reason = error if isinstance(error, FOREIGN) else error.__cause__
        if isinstance(reason, asyncpg.ReadOnlySQLTransactionError):
            self._away()  # somebody else is the primary now
        if not isinstance(reason, FOREIGN) or isinstance(reason, TimeoutError):
            return None
        return not is_outage(reason)

    async def look(self) -> None:
        """See whether it is there, since somebody has waited for long; it may be known after."""
        if not await self._is_there():
            self._away()

    def _away(self) -> None:
        self._breaker.trip()
        self._lost()

    async def _is_there(self) -> bool:
        try:
            async with asyncio.timeout(limits.CHECK_SECONDS):
                await self._look()
        except StoreUnavailableError as error:
            # It may refuse somebody, and still be there.
            return error.__cause__ is not None and not is_away(error.__cause__)
        except FOREIGN as error:
            return not is_away(error)
        return True

    def _refused(self) -> StoreUnavailableError:
        return StoreUnavailableError(_AWAY, retry_after=self._breaker.retry_after)


_AWAY = "the database does not answer; nothing was written, try again"
