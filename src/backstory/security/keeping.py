"""Keeping an issuer's keys: fresh, through outages, and through rotation.

They are asked for again and again. While the source fails, those that are there are believed
for `limits.KEYS_KEPT_SECONDS` and no longer. A key that is not known is asked for at once, but
no more often than once in `limits.KEYS_ASK_SECONDS`, whoever shows tokens that name it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

from backstory import limits
from backstory.errors import ConfigError
from backstory.security.keys import Key, KeySet
from backstory.security.sources import FileSource, Source

logger = logging.getLogger(__name__)

FAILURES = (ValueError, OSError, httpx.HTTPError, httpx.InvalidURL, TimeoutError)


class Keys:
    """The keys that are believed now. `revoked` is called when one that was is no more."""

    def __init__(
        self,
        source: Source,
        revoked: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._revoked = revoked
        self._now = now
        self._raw = b""
        self._set = KeySet()
        self._had_at = now()
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[bool] | None = None
        self._failing = False

    async def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key for a token; asks for it once where it is not known."""
        self._forget_old()
        key = self._set.find(kid, algorithm)
        if key is None and await self._ask():
            key = self._set.find(kid, algorithm)
        return key

    async def _ask(self) -> bool:
        """Look now, together with whoever else does, unless it was done just now."""
        if self._asking is None:
            if self._now() - self._asked_at < min(limits.KEYS_ASK_SECONDS, self._source.every):
                return False
            self._asking = asyncio.create_task(self.refresh())
        asking = self._asking
        try:
            return await asyncio.shield(asking)
        finally:
            if asking.done() and self._asking is asking:
                self._asking = None

    async def refresh(self) -> bool:
        """Read the source anew, and whether that could be done."""
        self._asked_at = self._now()
        try:
            await self.load()
        except FAILURES as error:
            if not self._failing:
                logger.warning("the keys at %s cannot be had: %s", self._source.name, _say(error))
            self._failing = True
            self._forget_old()
            return False
        if self._failing:
            logger.info("the keys at %s are there again", self._source.name)
        self._failing = False
        return True

    async def load(self) -> None:
        """Read the source.

        Raises:
            ValueError, OSError, httpx.HTTPError, TimeoutError: there are no keys to be had.
        """
        raw = await self._source.read()
        if raw != self._raw:
            self._take(KeySet.of(raw))
            self._raw = raw
        self._had_at = self._now()

    def _forget_old(self) -> None:
        if self._set.keys and self._now() - self._had_at > limits.KEYS_KEPT_SECONDS:
            logger.error("the keys at %s are too old to be believed", self._source.name)
            self._raw = b""
            self._take(KeySet())

    def _take(self, found: KeySet) -> None:
        gone = self._set.marks - found.marks
        self._set = found
        if gone:
            self._revoked()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Have the keys and keep them fresh while the context lasts.

        Raises:
            ConfigError: they are in a file that cannot be used. A URL may come later.
        """
        if isinstance(self._source, FileSource):
            try:
                await self.load()
            except FAILURES as error:
                raise ConfigError(
                    f"the keys in {self._source.name} (auth_jwks) cannot be used: {_say(error)}"
                ) from error
        else:
            await self.refresh()
        keeping = asyncio.create_task(self._keep(), name="keys of the issuer")
        try:
            yield
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping
            if self._asking is not None:
                self._asking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._asking
            await self._source.aclose()

    async def _keep(self) -> None:
        while True:
            soon = min(limits.KEYS_ASK_SECONDS, self._source.every)
            await asyncio.sleep(soon if self._failing else self._source.every)
            try:
                await self.refresh()
            except Exception:  # what keeps the keys must outlive anything
                logger.exception("looking for keys failed")


def _say(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
