"""How what the server depends on fares: looked at all at once, and not more often than needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from backstory import limits
from backstory.errors import BackstoryError, BusyError, StoreUnavailableError
from backstory.resilience.breaker import Breaker, State
from backstory.resilience.deadlines import detached, within


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found: how it is, a sentence where it is not well, and numbers."""

    status: Literal["ok", "warning", "failed"] = "ok"
    detail: str | None = None
    facts: Mapping[str, float] = field(default_factory=dict)


WELL: Final = Look()


@dataclass(frozen=True, slots=True)
class Dependency:
    """What the server depends on; `check` raises an error of ours when it cannot be used.

    Or it answers a `Look`. Without one that is `needed` no requests should come here; without
    the others all goes on, slower.
    """

    name: str
    check: Callable[[], Awaitable[Look | None]]
    needed: bool = False
    breaker: Breaker | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look came to, and the seconds that it took."""

    dependency: Dependency
    failure: BackstoryError | None
    seconds: float
    look: Look = WELL

    @property
    def status(self) -> Literal["ok", "warning", "busy", "failed"]:
        """One word for it."""
        if self.failure is not None:
            return "busy" if self.busy else "failed"
        return self.look.status

    @property
    def detail(self) -> str | None:
        """A sentence where it is not well."""
        return self.look.detail if self.failure is None else self.failure.detail

    @property
    def facts(self) -> Mapping[str, float]:
        """Numbers that belong to it."""
        return self.look.facts

    @property
    def busy(self) -> bool:
        """Whether it is there, and all that may use it do."""
        return isinstance(self.failure, BusyError)

    @property
    def breaker(self) -> State | None:
        breaker = self.dependency.breaker
        return None if breaker is None else breaker.state


class Checks:
    """One look serves all who ask while it is under way, and for a moment after."""

    def __init__(
        self, dependencies: Sequence[Dependency], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._dependencies, self._now = dependencies, now
        self._look: asyncio.Task[Mapping[str, Seen]] | None = None
        self._until = 0.0
        self.last: Mapping[str, Seen] = {}
        """What the last look saw."""

    async def seen(self) -> Mapping[str, Seen]:
        """Each of them by its name; takes `limits.CHECK_SECONDS` at most."""
        if self._look is None or (self._look.done() and self._now() >= self._until):
            self._look = asyncio.create_task(
                self._all(), name="backstory-checks", context=detached()
            )
        return await asyncio.shield(self._look)

    async def aclose(self) -> None:
        """Look no more."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait([self._look])

    async def _all(self) -> Mapping[str, Seen]:
        found = await asyncio.gather(*(self._one(one) for one in self._dependencies))
        self._until = self._now() + limits.CHECKED_SECONDS
        self.last = {seen.dependency.name: seen for seen in found}
        return self.last

    async def _one(self, one: Dependency) -> Seen:
        begun, failure, look = self._now(), None, None
        try:
            with within(limits.CHECK_SECONDS):
                async with asyncio.timeout(limits.CHECK_SECONDS):
                    look = await one.check()
        except BackstoryError as error:
            failure = error
        except TimeoutError:
            failure = StoreUnavailableError(
                f"the {one.name} did not answer in {limits.CHECK_SECONDS:g} s"
            )
        return Seen(one, failure, self._now() - begun, look or WELL)
