"""Windows for models, their ledgers, and how two of them differ."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from backstory.transports.rest.schemas.words import Object, Spans


class WindowTokens(Struct):
    """What the window costs; `exact` where provider and counter leave nothing to guess."""

    total: int
    by_source: dict[str, int]
    counter: str
    exact: bool


class LedgerRow(Struct):
    """What became of pieces of a source, and why. `trust` and `tokens` null: not read."""

    source: str
    part: Literal["state", "content", "arguments", "entries"]
    kept: int
    dropped: int
    reason: str
    trust: str | None
    tokens: int | None
    seqs: Spans | None


class Window(Struct):
    """`input` is exactly what the provider's API takes, or text."""

    input: Object | str
    tokens: WindowTokens
    ledger: list[LedgerRow]
    versions: dict[str, int]
    render_id: str
    prefix_hash: str


class WindowParameter(Struct, rename={"from_": "from"}):
    """A member of the request, or of one of its sources, that differs."""

    source: str | None
    parameter: str
    from_: Any
    to: Any


class WindowVersions(Struct, rename={"from_": "from"}):
    """The versions of one source; null where only one of the renders has it."""

    from_: int | None
    to: int | None


class WindowFate(Struct):
    """What became of pieces, and why."""

    kept: bool
    reason: str


class WindowTurn(Struct, rename={"from_": "from"}):
    """Pieces whose fate differs; null where a render knows nothing of them."""

    source: str
    part: Literal["state", "content", "arguments", "entries"]
    from_: WindowFate | None
    to: WindowFate | None
    seqs: Spans | None


class WindowEntries(Struct):
    """Entries of one source that only one of the renders shows."""

    source: str
    only_in_from: Spans
    only_in_to: Spans


class WindowPlace(Struct):
    """Where the inputs begin to differ; `offset` in characters, where that is in a text."""

    pointer: str
    offset: int | None


class WindowTokensDifference(Struct, rename={"from_": "from"}):
    """The costs of both."""

    from_: WindowTokens
    to: WindowTokens


class WindowDifference(Struct):
    """What differs between two renders; `first_difference` null: the inputs are equal."""

    parameters: list[WindowParameter]
    versions: dict[str, WindowVersions]
    ledger: list[WindowTurn]
    entries: list[WindowEntries]
    first_difference: WindowPlace | None
    tokens: WindowTokensDifference
