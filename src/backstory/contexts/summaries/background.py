"""Summaries that an operator's rules ask for, made after the append was answered.

The process that took an append looks whether its context is due, at most so many at the same
time and one at a time for each context. All of it is in memory: a process that ends loses the
work and nothing else, and the next append to the context begins it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from backstory import limits
from backstory.contexts.ruling import Ruled
from backstory.contexts.summaries.asking import Wish
from backstory.contexts.summaries.making import Summaries
from backstory.contexts.writing import Writer
from backstory.domain.choosing import Choice
from backstory.domain.commits import Append, Outcome
from backstory.domain.keys import ContextKey
from backstory.domain.principals import SYSTEM, Principal
from backstory.domain.summaries import SUMMARY
from backstory.errors import BackstoryError, MissingError
from backstory.ports.summariser import When

logger = logging.getLogger(__name__)

Place = tuple[str, ContextKey]
"""A tenant, and a context of it."""

_BYTES: Final = 3  # for a token at the least, so that a look comes too early and never too late


@dataclass(slots=True)
class _Left:
    """What may still be appended to a context before it is worth a look."""

    entries: float
    bytes: float


class Background:
    """Hears of appends, and has contexts summarised that a rule speaks of."""

    def __init__(self, summaries: Summaries, rules: Choice[When | None]) -> None:
        self._summaries = summaries
        self._rules = rules
        self._left: OrderedDict[Place, _Left] = OrderedDict()
        self._queue: asyncio.Queue[tuple[Place, When]] = asyncio.Queue(limits.SUMMARY_QUEUE)
        self._waiting: set[Place] = set()
        self._again: set[Place] = set()

    @property
    def waiting(self) -> int:
        """Contexts that wait for a summary."""
        return self._queue.qsize()

    @asynccontextmanager
    async def running(self, writer: Writer) -> AsyncIterator[None]:
        """Works until the end of the block, and drops what is left then."""
        leave = writer.listen(self.hear)
        tasks = [
            asyncio.create_task(self._work(), name=f"summaries {number}")
            for number in range(limits.SUMMARY_WORKERS)
        ]
        try:
            yield
        finally:
            leave()
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def idle(self) -> None:
        """Returns once nothing waits or is under way."""
        await self._queue.join()

    def hear(self, tenant: str, ruled: Ruled, outcome: Outcome) -> None:
        """Something was committed; costs some microseconds for each append."""
        for operation, result in zip(ruled.operations, outcome.results, strict=True):
            if not isinstance(operation, Append) or result.head is None or not result.appended:
                continue
            when = self._rules.choose(result.head.kind, operation.key.namespace)
            if when is None or all(entry.type == SUMMARY for entry in operation.entries):
                continue
            if when.tokens is None and result.head.entry_count < (when.entries or 0) + when.keep:
                continue
            size = sum(len(entry.content) for entry in operation.entries)
            place = (tenant, operation.key)
            if self._is_due(place, result.appended, size):
                self._add(place, when)

    def _is_due(self, place: Place, entries: int, size: int) -> bool:
        left = self._left.get(place)
        if left is None:
            return True
        left.entries -= entries
        left.bytes -= size
        return left.entries <= 0 or left.bytes <= 0

    def _add(self, place: Place, when: When) -> None:
        if place in self._waiting:
            self._again.add(place)
            return
        try:
            self._queue.put_nowait((place, when))
            self._waiting.add(place)
        except asyncio.QueueFull:
            # It comes with its next entry.
            logger.warning("too many contexts wait to be summarised", extra=_told(place))

    async def _work(self) -> None:
        while True:
            place, when = await self._queue.get()
            try:
                await self._summarise(place, when)
            except BackstoryError as error:
                logger.warning(
                    "a context could not be summarised: %s", error.code, extra=_told(place)
                )
                self._remember(place, _Left(*_least(when)))  # not with every entry from now on
            except Exception as error:  # noqa: BLE001 -- the worker must outlive anything
                logger.error(  # noqa: TRY400 -- what is raised may hold text
                    "summarising a context raised %s", type(error).__name__, extra=_told(place)
                )
            finally:
                self._waiting.discard(place)
                if place in self._again:
                    self._again.discard(place)
                    self._add(place, when)
                self._queue.task_done()

    async def _summarise(self, place: Place, when: When) -> None:
        """As many summaries as it takes; each covers more than the one before."""
        tenant, key = place
        principal = Principal(tenant, SYSTEM.subject, frozenset({"admin"}), SYSTEM.trust)
        wish = Wish(when.keep, when.length, least_entries=when.entries, least_tokens=when.tokens)
        while True:
            try:
                done = await self._summaries.summarise(principal, key, wish)
            except MissingError:  # it went meanwhile
                self._left.pop(place, None)
                return
            if done.seq is None:
                break
            logger.info("a context was summarised", extra=_told(place))
        entries, size = _least(when)
        self._remember(place, _Left(entries - done.entries, size - done.tokens * _BYTES))

    def _remember(self, place: Place, left: _Left) -> None:
        self._left[place] = left
        self._left.move_to_end(place)
        if len(self._left) > limits.SUMMARY_WATCHED:
            self._left.popitem(last=False)


def _least(when: When) -> tuple[float, float]:
    """The entries and bytes that make a context due."""
    return when.entries or math.inf, (when.tokens or math.inf) * _BYTES


def _told(place: Place) -> dict[str, str]:
    return {"tenant": place[0], "namespace": place[1].namespace}
