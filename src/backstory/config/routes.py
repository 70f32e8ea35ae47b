"""Which namespaces are kept by which other store than the first.

Written as `PATTERN, PATTERN = URL; PATTERN = URL`, or as a table of patterns and URLs in a file.
Patterns with the same URL are one store, which is called like the first of them. The text of an
error never holds a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from backstory import limits
from backstory.config.urls import ServerUrl, StoreUrl, store_url
from backstory.domain.keys import NamespacePattern
from backstory.domain.subjects import FAMILIES
from backstory.domain.visibility import covers
from backstory.errors import InvalidKeyError

_FORM: Final = (
    "must be PATTERN = STORE-URL with ; between, such as medical.* = sqlite:////srv/medical.db"
)


@dataclass(frozen=True, slots=True)
class Route:
    """A store that keeps some namespaces. `name` is how operators are told of it."""

    name: str
    patterns: tuple[NamespacePattern, ...]
    url: StoreUrl | ServerUrl

    def __str__(self) -> str:
        """As people may see it."""
        return f"{', '.join(map(str, self.patterns))} = {self.url.shown}"


def routes(raw: object) -> tuple[Route, ...]:
    """All of them, in order; empty means that there are none."""
    found: dict[StoreUrl | ServerUrl, list[NamespacePattern]] = {}
    for patterns, url in _written(raw):
        found.setdefault(_url(url), []).extend(_pattern(each) for each in patterns)
    if len(found) > limits.ROUTED_STORES:
        raise ValueError(f"must name {limits.ROUTED_STORES} stores at most")
    _refuse_overlaps([each for patterns in found.values() for each in patterns])
    return tuple(
        Route(str(patterns[0].base), tuple(patterns), url) for url, patterns in found.items()
    )


def _written(raw: object) -> Iterator[tuple[list[str], object]]:
    if isinstance(raw, Mapping):
        for pattern, url in raw.items():
            yield [str(pattern)], url
        return
    if not isinstance(raw, str):
        raise ValueError(_FORM)  # noqa: TRY004 -- the one error that readers raise
    for part in filter(str.strip, re.split(r"[;\n]", raw)):
        patterns, equals, url = part.partition("=")
        if not equals:
            raise ValueError(_FORM)
        yield patterns.split(","), url


def _url(raw: object) -> StoreUrl | ServerUrl:
    try:
        return store_url(raw)
    except ValueError as error:
        raise ValueError(f"has a store that is none: it {error}") from None


def _pattern(raw: str) -> NamespacePattern:
    text = raw.strip()
    try:
        pattern = NamespacePattern.parse(text)
    except InvalidKeyError as error:
        raise ValueError(f"has a pattern that is none: {error.detail}") from None
    if not pattern.base:
        raise ValueError("cannot route everything; that is what `store` is for")
    if pattern.base.startswith("_"):
        raise ValueError(f"cannot route {text}: reserved namespaces are kept by the first store")
    segments = pattern.base.split(".")
    if segments[0] in FAMILIES and len(segments) > 1:
        whole = f"{'.'.join(segments[:2])}.*"
        if text != whole:
            raise ValueError(
                f"cannot route {text}: a subject is kept, and erased, as a whole; route {whole}"
            )
    return pattern


def _refuse_overlaps(patterns: list[NamespacePattern]) -> None:
    for at, one in enumerate(patterns):
        for other in patterns[at + 1 :]:
            if covers(one, other) or covers(other, one):
                raise ValueError(f"routes some namespaces twice: {one} and {other} overlap")


def overlapping(given: tuple[Route, ...], store: StoreUrl | ServerUrl) -> str | None:
    """The name of a route that leads to the first store itself, if any does, or to another's file."""
    seen = [_place(store)]
    for route in given:
        place = _place(route.url)
        if place in seen:
            return route.name
        seen.append(place)
    return None


def _place(url: StoreUrl | ServerUrl) -> str:
    return str(url.path.resolve()) if isinstance(url, StoreUrl) else url.dsn
