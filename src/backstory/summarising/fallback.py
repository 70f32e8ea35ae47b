"""One summariser in another's place when that fails: no summary fails for want of a model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from backstory.errors import SummariserError
from backstory.ports.summariser import Made, Summariser, Turn

logger = logging.getLogger(__name__)


class Fallback:
    """`ports.summariser.Summariser` by the first of two that can."""

    def __init__(self, name: str, first: Summariser, second: Summariser) -> None:
        """`name` is that of the first, for the log."""
        self._name, self._first, self._second = name, first, second

    async def summarise(self, turns: Sequence[Turn], tokens: int) -> Made:
        """As the second does, where the first fails in whatever way."""
        try:
            made = await self._first.summarise(turns, tokens)
            if made.text.strip():
                return made
            reason = "empty"
        except SummariserError as error:
            reason = error.reason
        except Exception as error:  # noqa: BLE001 -- an extension's; its words may hold text
            reason = "failed"
            logger.warning("the summariser %s raised %s", self._name, type(error).__name__)
        logger.warning(
            "a summary was made without %s: %s", self._name, reason, extra={"reason": reason}
        )
        return replace(await self._second.summarise(turns, tokens), fallback=reason)

    async def aclose(self) -> None:
        await self._first.aclose()
        await self._second.aclose()
