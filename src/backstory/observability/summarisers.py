"""A summariser that tells how long it takes: `ports.summariser.Summariser` around another one."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Final

from backstory.observability.stores import code_of
from backstory.ports.events import OK, SUMMARISE, Summarised
from backstory.ports.hooks import Hooks, part
from backstory.ports.summariser import Made, Summariser, Turn

_NOBODY: Final = "none"
_EXTENSION: Final = "extension"


class ToldSummariser:
    """Each summary is told of once it is made, by its provider and never with its model.

    `known` are the providers that have a name of their own in labels; others are extensions.
    """

    def __init__(self, summariser: Summariser, hooks: Hooks, known: Collection[str]) -> None:
        self._summariser, self._hooks, self._known = summariser, hooks, known

    async def summarise(self, turns: Sequence[Turn], tokens: int) -> Made:
        code, by, fallback, begun = OK, _NOBODY, "", time.perf_counter()
        try:
            with part(SUMMARISE):
                made = await self._summariser.summarise(turns, tokens)
            provider, fallback = made.by.partition(":")[0], made.fallback or ""
            by = provider if provider in self._known else _EXTENSION
        except BaseException as error:
            code = code_of(error)
            raise
        else:
            return made
        finally:
            taken = time.perf_counter() - begun
            self._hooks.tell(Summarised(by, code, fallback, taken))

    async def aclose(self) -> None:
        await self._summariser.aclose()
