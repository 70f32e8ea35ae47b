"""What a server can read and write: parsers by media type, message formats by name.

Both tables hold what is built in and what extensions add. A format has a media type, too, and
no two of all have the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from backstory import extensions
from backstory.domain.messages import Format
from backstory.extensions import Group
from backstory.processing.formats import FORMATS
from backstory.processing.formats import added as added_formats
from backstory.processing.parsers import PARSERS
from backstory.processing.parsers import added as added_parsers
from backstory.processing.parsers.results import Parsed, Parser


@dataclass(frozen=True, slots=True)
class Accepted:
    """The tables; media types are in lower case and without parameters."""

    parsers: Mapping[str, Parser]
    formats: Mapping[str, Format]

    def format_of(self, media_type: str) -> Format | None:
        """The format that a media type is of."""
        found = (form for form in self.formats.values() if form.media_type == media_type)
        return next(found, None)

    def added(self, *results: type[Parsed]) -> tuple[str, ...]:
        """The media types of extensions whose parsers give one of these."""
        return tuple(
            media_type
            for media_type, parser in self.parsers.items()
            if media_type not in PARSERS and parser.result in results
        )


BUILT_IN: Final = Accepted(PARSERS, FORMATS)


def with_extensions() -> Accepted:
    """What is built in, and what extensions add.

    Raises:
        ConfigError: an extension is broken, or takes what another one has.
    """
    parsers, formats = groups()
    added = extensions.made(parsers).values()
    by_type = {media_type: parser for parser in added for media_type in parser.media_types}
    return Accepted(
        MappingProxyType({**PARSERS, **by_type}),
        MappingProxyType({**FORMATS, **extensions.made(formats)}),
    )


def groups() -> tuple[Group[Parser], Group[Format]]:
    """What is asked of extensions, of parsers first: the two remember media types together."""
    taken = {*PARSERS, *(form.media_type for form in FORMATS.values())}
    return added_parsers.group(taken), added_formats.group(taken)
