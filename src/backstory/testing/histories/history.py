"""The shape of a history.

Times are seconds of one monotonic clock, read by whoever records. Each write carries a token,
unlike any other's, that is found again in what was stored: an entry's text, a member of a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Outcome(Enum):
    """What a caller knows of an attempt, or of all attempts at one write together."""

    DONE = "done"
    REFUSED = "refused"
    """It was said that nothing was written."""
    UNKNOWN = "unknown"
    """No answer, or one that says that nobody knows."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write, however often it was sent: from the first attempt to the last answer.

    `version` (of the context) and `seq` (of an appended entry) are what a DONE one was told.
    `condition` is the version it was to hold for. Writes of one `commit` belong together.
    `replayed` says that the answer was that of an earlier attempt.
    """

    process: str
    context: str
    token: str
    begun: float
    ended: float
    outcome: Outcome
    version: int | None = None
    seq: int | None = None
    condition: int | None = None
    commit: str | None = None
    attempts: tuple[Outcome, ...] = ()
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """One answered read: the version it showed and the newest token at it, None before the first.

    `stale` marks an answer that said that it may be old.
    """

    process: str
    context: str
    begun: float
    ended: float
    version: int
    newest: str | None
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """All that one watcher was told, in order, as (context, version).

    It began behind the first `after` changes of the stream, and was given the time to hear of
    all that are in it.
    """

    process: str
    after: int
    changes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What one version of a context brought: tokens, with the seqs of those that are entries."""

    version: int
    tokens: tuple[str, ...] = ()
    seqs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Truth:
    """A context as it stands when all is over: each version since its creation, in order.

    `count` is the number that conditional writers have counted up in it, if they have.
    """

    versions: tuple[Kept, ...]
    count: int | None = None


@dataclass(frozen=True, slots=True)
class History:
    """All that was recorded, and what is true in the end.

    `stream` is the change log from its beginning, as (context, version).
    """

    truth: Mapping[str, Truth]
    stream: tuple[tuple[str, int], ...]
    writes: tuple[Write, ...] = field(default=())
    reads: tuple[Read, ...] = field(default=())
    watches: tuple[Watch, ...] = field(default=())
