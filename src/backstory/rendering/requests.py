"""What a caller asks for: sources, a model, a format and a budget."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from backstory import limits
from backstory.domain.intake import wrong
from backstory.domain.keys import ContextKey, shorten
from backstory.errors import InvalidKeyError, SchemaError, TooLargeError, Violation
from backstory.rendering.strategies import TABLE

STRATEGIES: Final = tuple(TABLE)
"""What can become of a source's entries, by name."""

Share = Annotated[float, Meta(ge=0, le=1)]
Tokens = Annotated[int, Meta(ge=0, le=limits.RENDER_BUDGET)]


class ContentRange(Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Bytes of content from `offset` on, `length` of them or all there are."""

    offset: Annotated[int, Meta(ge=0, le=limits.CONTENT_BYTES)] = 0
    length: Annotated[int, Meta(ge=1, le=limits.CONTENT_BYTES)] | None = None


Value = Annotated[str, Meta(max_length=limits.RENDER_ARGUMENT_BYTES)] | int | float | bool


class Source(Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """One context that goes into a window.

    Without `entries`, a conversation gives its newest entries and any other kind its state.
    `query` is what `relevant` looks for, `neighbours` how many entries around each hit.
    `content` adds its text, all or a range; `arguments` fill in a prompt.
    Shares are parts of the budget: `min_share` is kept free for this source, `max_share` is
    as much as it may take. Sources of a higher `priority` are served first.
    """

    context: str
    entries: Annotated[str, Meta(extra_json_schema={"enum": list(STRATEGIES)})] | None = None
    query: Annotated[str, Meta(min_length=1, max_length=limits.SEARCH_QUERY_BYTES)] | None = None
    neighbours: Annotated[int, Meta(ge=0, le=limits.RENDER_NEIGHBOURS)] | None = None
    state: bool | None = None
    content: bool | ContentRange = False
    arguments: dict[str, Value] | None = None
    at: Annotated[int, Meta(ge=1, le=limits.VERSION_MAX)] | None = None
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0
    min_share: Share = 0.0
    max_share: Share = 1.0


class RenderRequest(Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """What to render. `budget` less `reserve` (room for the answer) is never exceeded."""

    sources: Annotated[list[Source], Meta(min_length=1, max_length=limits.RENDER_SOURCES)]
    model: Annotated[str, Meta(min_length=1, max_length=200)]
    budget: Annotated[int, Meta(ge=1, le=limits.RENDER_BUDGET)]
    format: Annotated[
        str | None,
        Meta(description="Without it, that of the model's provider."),
    ] = None
    reserve: Tokens = 0
    counter: Annotated[str, Meta(max_length=64)] | None = None
    fallback: bool = False
    oversize: Literal["cut", "drop"] = "cut"

    @property
    def available(self) -> int:
        """Tokens that the window may have."""
        return self.budget - self.reserve


def check(request: RenderRequest) -> list[ContextKey]:
    """The keys of the sources, in their order.

    Raises:
        SchemaError: a strategy is not there, or shares and budget contradict each other.
        InvalidKeyError: a source is no context's name.
    """
    if request.reserve >= request.budget:
        raise wrong("/reserve", "must be less than budget")
    if sum(source.min_share for source in request.sources) > 1:
        raise wrong("/sources", "the min_share of all sources together is over 1")
    keys = [_key(source, i) for i, source in enumerate(request.sources)]
    if len(set(keys)) < len(keys):
        raise wrong("/sources", "each context can be a source once")
    return keys


def _key(source: Source, index: int) -> ContextKey:
    place = f"/sources/{index}"
    if source.entries is not None and source.entries not in STRATEGIES:
        raise _no_strategy(source.entries, f"{place}/entries")
    if source.min_share > source.max_share:
        raise wrong(f"{place}/min_share", "is over max_share")
    _check_search(source, place)
    _check_arguments(source, place)
    try:
        return ContextKey.parse(source.context)
    except InvalidKeyError as error:
        violation = Violation(f"{place}/context", error.detail)
        raise InvalidKeyError(error.detail, errors=(violation,)) from error


def _check_search(source: Source, place: str) -> None:
    if source.entries is not None and TABLE[source.entries].searches:
        if source.query is None:
            raise wrong(f"{place}/query", f"{source.entries} needs a query to look for")
        if source.at is not None:
            raise wrong(f"{place}/at", "only the present can be searched; leave it out")
        return
    for name in ("query", "neighbours"):
        if getattr(source, name) is not None:
            there = ", ".join(each.name for each in TABLE.values() if each.searches)
            raise wrong(f"{place}/{name}", f"is for entries: {there}")


def _check_arguments(source: Source, place: str) -> None:
    if source.arguments is None:
        return
    if source.state is False:
        raise wrong(f"{place}/arguments", "are for the state of a prompt, which is left out")
    size = sum(len(f"{name}{value}".encode()) for name, value in source.arguments.items())
    if size > limits.RENDER_ARGUMENT_BYTES:
        raise TooLargeError(
            f"the arguments have {size} bytes; at most {limits.RENDER_ARGUMENT_BYTES}",
            limit="RENDER_ARGUMENT_BYTES",
        )


def _no_strategy(given: str, place: str) -> SchemaError:
    there = ", ".join(STRATEGIES)
    return wrong(place, f"there is no strategy {shorten(given)}; there are {there}")
