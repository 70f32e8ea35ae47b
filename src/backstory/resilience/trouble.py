"""What a task that tries again and again has to say: once that it cannot, once that it can again."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from backstory.errors import BackstoryError


class Trouble:
    """One for each thing that is tried, in however many tasks: "read the change log"."""

    def __init__(self, logger: logging.Logger, what: str) -> None:
        self._logger, self._what = logger, what
        self._code: str | None = None

    def met(self, error: BackstoryError) -> None:
        """It failed. Told where it did not fail for the same reason before."""
        if error.code == self._code:
            return
        self._code = error.code
        self._logger.warning("cannot %s: %s (%s)", self._what, error.detail, error.code)

    def over(self) -> None:
        """It went well. Told where it failed before."""
        if self._code is not None:
            self._code = None
            self._logger.info("can %s again", self._what)

    async def telling(self, work: Callable[[], Awaitable[None]]) -> None:
        """Try it once, and tell of what it fails with, whatever that is; never raises.

        For tasks that have to outlive anything, since nobody would begin them again.
        """
        try:
            await work()
            self.over()
        except BackstoryError as error:
            self.met(error)
        except Exception:
            self._logger.exception("failed to %s", self._what)
