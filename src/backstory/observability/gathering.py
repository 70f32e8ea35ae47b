"""Events that wait until they are heard together, and listeners that may fail."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

from backstory.ports.events import Event
from backstory.ports.hooks import Hear

logger = logging.getLogger(__name__)

HearAll = Callable[[Sequence[Any]], None]
"""Takes all events of a kind that have gathered, in order."""


@runtime_checkable
class Gatherer(Protocol):
    """A listener that hears some kinds many at once, which costs less for each."""

    def gathering(self) -> Mapping[type[Event], HearAll]:
        """Which kinds, and what takes them."""
        ...


class Gathered:
    """Events of one kind that wait, and who hears them."""

    __slots__ = ("events", "hears")

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.hears: list[HearAll] = []

    def heard_by(self, hear: Hear) -> None:
        """One by one."""
        self.hears.append(partial(_each, hear))

    def drain(self) -> None:
        """Let them hear what has gathered; one thread at a time."""
        events = self.events
        if events:
            batch = [events.popleft() for _ in range(len(events))]
            for hear in self.hears:
                try:
                    hear(batch)
                except Exception:
                    logger.exception("a listener failed at %s", type(batch[0]).__name__)


def _each(hear: Hear, events: Sequence[Event]) -> None:
    for event in events:
        safely(hear, event)


def safely(hear: Hear, event: Event) -> None:
    """A listener that fails does no harm to what it was told of."""
    try:
        hear(event)
    except Exception:
        logger.exception("a listener failed at %s", type(event).__name__)


def both(first: Hear, second: Hear) -> Hear:
    """Whoever is first, the other hears it all the same."""

    def hear(event: Event) -> None:
        safely(first, event)
        safely(second, event)

    return hear
