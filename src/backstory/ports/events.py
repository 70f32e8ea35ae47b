"""What the server tells of its own work: frozen events, heard by whoever wants their kind.

Labels of metrics are made of the fields that are names out of the code: routes, methods, codes,
steps, operations. `principal` says who called; only the log (as a keyed hash) and the audit
trail write it. No field ever holds a text or a label, and only those of `Acted` hold the name
of anybody's context: the audit trail hashes it.

An event is cheap (some 0.1 µs) and is made only where `Hooks.hears` says that somebody listens.
Times are seconds, moments are nanoseconds since the Unix epoch.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from backstory.domain.principals import Principal

OK: Final = "ok"
"""Stands for the code of an error where there is none."""

UNFORESEEN: Final = "unexpected"
"""Stands for the code of an error that is none of ours."""


def hexadecimal(trace: int) -> str:
    """A trace as answers, logs and traces write it: 32 lower-case digits."""
    return trace.to_bytes(16).hex()


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened."""


# -- requests ----------------------------------------------------------------------------


class Called(Event, frozen=True, gc=False):
    """A request of MCP that is done, as one HTTP request may carry it.

    `tool` is the name of a tool that there is, empty where none was called; `code` is that of
    the error, or `ok`.
    """

    method: str
    tool: str
    code: str
    seconds: float


class DeprecatedUsed(Event, frozen=True, gc=False):
    """A request came to an endpoint that is deprecated."""

    method: str
    route: str


class Ended(Event, frozen=True, gc=False):
    """A request is over, to the last byte of its answer; `status` is 0 where none began.

    `ended` is when, by `time.perf_counter`. `sent` counts the bytes of the body as they went out,
    in the `coding`. It stands for `weight` requests, where not all are told of.
    """

    method: str
    route: str
    status: int
    code: str
    seconds: float
    sent: int
    coding: str
    stale: bool
    trace: int
    principal: Principal | None
    calls: tuple[Called, ...]
    ended: float
    weight: int = 1

    @property
    def trace_id(self) -> str:
        return hexadecimal(self.trace)


class Stepped(Event, frozen=True, gc=False):
    """A step of processing was done, or rejected what was sent with the code."""

    step: str
    code: str
    seconds: float


class Acted(Event, frozen=True, gc=False):
    """Somebody did something, or was refused: heard by the audit trail and nobody else.

    `do` is the template of a route with its method, or an MCP method with its tool; `on` names
    contexts (`namespace/name`) and patterns of namespaces; `out` is `ok` or the code of the error.
    Without a known caller, `tenant` and `subject` are empty.
    """

    tenant: str
    subject: str
    client: str
    do: str
    verb: str
    on: tuple[str, ...]
    out: str
    address: str


# -- traces ------------------------------------------------------------------------------


class Origin(Event, frozen=True, gc=False):
    """Which trace a request belongs to, and below which of its spans (0: it begins it).

    `link` is the span that the HTTP request named, where the MCP message it carried named
    another.
    """

    trace: int
    parent: int = 0
    state: str = ""
    recorded: bool = False
    link: tuple[int, int] | None = None


class Part(Event, frozen=True, gc=False):
    """Work that was done for a request: `name` is one of `PARTS`, `of` what it was done on."""

    name: str
    of: str
    id: int
    parent: int
    begun: int
    ended: int
    code: str


class Traced(Event, frozen=True, gc=False):
    """A request that is over, with the parts of it that were recorded."""

    request: Ended
    origin: Origin
    id: int
    begun: int
    ended: int
    parts: tuple[Part, ...]


POLICY: Final = "policy"
CACHE: Final = "cache"
STORE: Final = "store"
RENDER: Final = "render"
SUMMARISE: Final = "summarise"

PARTS: Final = (POLICY, CACHE, STORE, RENDER, SUMMARISE)
"""What is recorded of a request besides the steps of processing."""


# -- what the server depends on -----------------------------------------------------------


class DependencyChanged(Event, frozen=True, gc=False):
    """What the server depends on is known to be away, or is there again."""

    name: str
    there: bool


class StoreAsked(Event, frozen=True, gc=False):
    """The store answered; `operation` is a method of `ports.store.Store`."""

    operation: str
    code: str
    seconds: float


class CacheAsked(Event, frozen=True, gc=False):
    """The cache answered; `operation` is a method of `ports.cache.Cache`."""

    operation: str
    outcome: Literal["hit", "miss", "damaged", "kept", "refused", "done", "away"]
    seconds: float


class Committed(Event, frozen=True, gc=False):
    """Jobs of one process were committed together. Told by the thread or task that writes."""

    jobs: int
    seconds: float


class BusSpoke(Event, frozen=True, gc=False):
    """A message of the change bus was sent, which took so long, or heard."""

    way: Literal["sent", "heard"]
    seconds: float = 0.0


# -- models ------------------------------------------------------------------------------


class Rendered(Event, frozen=True, gc=False):
    """A window was made, of so many tokens; `format` is one of the server's."""

    format: str
    tokens: int
    seconds: float


class Summarised(Event, frozen=True, gc=False):
    """A summary was made; `by` is a provider (no model), `fallback` why it was not the one asked."""

    by: str
    code: str
    fallback: str
    seconds: float


# -- content -----------------------------------------------------------------------------


class ChunksKept(Event, frozen=True, gc=False):
    """Chunks of content came in, so many bytes of them."""

    chunks: int
    bytes: int
