"""ETags of versions, and the conditions that name them (RFC 9110 sections 8.8.3 and 13.1).

A tag is `"7"` in a store's first epoch and `"7.<epoch>"` in a later one. A proxy that coded
the answer may have added `-gzip` or weakened the tag; both are still ours.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

from backstory.domain.keys import shorten
from backstory.errors import MalformedError

Versions = frozenset[int] | Literal["*"]
"""Versions of this epoch that a condition names; other tags match nothing. `*`: any."""

ANY: Final = "*"
# One element of a list, which may be empty (RFC 9110 section 5.6.1), and what ends it.
_ELEMENT = re.compile(r'[ \t]*(?:(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)")?[ \t]*(?:,|\Z)')
_OURS = re.compile(
    r"([1-9][0-9]{0,15})(?:\.([A-Za-z0-9_-]+?))?(?:-(?:br|gzip|x-gzip|deflate|zstd))?\Z"
)


class Tags:
    """Makes and reads the tags of one store's epoch."""

    __slots__ = ("_epoch", "_first", "_forms", "_suffix")

    def __init__(self, epoch: str, *, first: bool) -> None:
        self._epoch = epoch
        self._first = first
        self._suffix = b'"' if first else b'.%s"' % epoch.encode()
        self._forms = {status: f"answer.{status}.{epoch}.{first}" for status in (200, 304)}

    def of(self, version: int) -> bytes:
        """The tag of a version."""
        return b'"%d%s' % (version, self._suffix)

    def form(self, status: int) -> str:
        """What an answer with such a tag is called among the forms of a snapshot."""
        return self._forms[status]

    def header(self, version: int) -> tuple[bytes, bytes]:
        return (b"etag", self.of(version))

    def versions(self, header: str, text: str) -> Versions:
        """What the value of `If-Match` or `If-None-Match` names.

        Raises:
            MalformedError: it is no list of entity tags.
        """
        if text.strip() == ANY:
            return ANY
        opaque = _elements(text)
        if not opaque:
            raise MalformedError(
                f'{header} must be * or a list of tags such as "7", not {shorten(text)}'
            )
        found = map(self._version, opaque)
        return frozenset(version for version in found if version is not None)

    def _version(self, opaque: str) -> int | None:
        match = _OURS.match(opaque)
        if match is None:
            return None
        number, epoch = match.groups()
        ours = epoch == self._epoch or (epoch is None and self._first)
        return int(number) if ours else None


@lru_cache(maxsize=4)
def tags_of(epoch: str, first: bool) -> Tags:
    """Those of an epoch; `first` is that of a new store."""
    return Tags(epoch, first=first)


def _elements(text: str) -> list[str]:
    """What stands between the quotes of each tag; nothing where the text is no such list."""
    found: list[str] = []
    place = 0
    while place < len(text):
        match = _ELEMENT.match(text, place)
        if match is None:
            return []
        if match[1] is not None:
            found.append(match[1])
        place = match.end()
    return found


def holds(named: Versions | None, version: int, *, otherwise: bool) -> bool:
    """Whether the condition names the version; `otherwise` where there is no condition."""
    if named is None:
        return otherwise
    return named == ANY or version in named
