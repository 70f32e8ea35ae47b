"""Whether a reader may be given what was true some time ago, and of what age it was given.

A transport says `with Staleness() as staleness` around a read whose caller would rather have
an old answer than none. While the store is away, a store with copies gives those to whoever
reads inside, and notes their age; the transport marks its answer by it. Everybody else is
told that the store is away: above all whoever writes.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from math import ceil
from typing import Self

from msgspec import Struct

from backstory.ports.hooks import served

_allowed: ContextVar[Staleness | None] = ContextVar("staleness", default=None)


class Staleness(Struct, eq=False, kw_only=True):
    """One caller's leave to be given old answers, or that there is none.

    `seconds` is the age of the oldest that was given; None where all were true.
    """

    allowed: bool = True
    seconds: int | None = None
    token: Token[Staleness | None] | None = None

    def __enter__(self) -> Self:
        self.token = _allowed.set(self if self.allowed else None)
        return self

    def __exit__(self, *exception: object) -> None:
        assert self.token is not None
        _allowed.reset(self.token)

    def given(self, seconds: float) -> None:
        """Note that something was given which was last known to be true so long ago."""
        self.seconds = max(self.seconds or 0, ceil(seconds))
        if (request := served()) is not None:
            request.stale = True


def allowed() -> Staleness | None:
    """The present caller's leave; None where only the truth will do."""
    return _allowed.get()
