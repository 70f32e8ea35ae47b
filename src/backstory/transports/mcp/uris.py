"""The URIs of contexts: `context://namespace/name`, and with `/entries` or `/content` behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from backstory.domain.keys import ContextKey, shorten
from backstory.errors import InvalidKeyError, MissingError

SCHEME: Final = "context://"
TEMPLATE: Final = "context://{namespace}/{name}"
ENTRIES_TEMPLATE: Final = TEMPLATE + "/entries"
CONTENT_TEMPLATE: Final = TEMPLATE + "/content"

PartName = Literal["state", "entries", "content"]
_BEHIND: Final[dict[str, PartName]] = {"entries": "entries", "content": "content"}


@dataclass(frozen=True, slots=True)
class Address:
    """A context, its entries, or its content."""

    key: ContextKey
    part: PartName = "state"

    @classmethod
    def parse(cls, uri: str) -> Address:
        """What the URI names.

        Raises:
            MissingError: nothing can be there; the detail says how URIs are spelled.
        """
        pieces = uri.removeprefix(SCHEME).split("/")
        try:
            if uri.startswith(SCHEME) and len(pieces) == 2:
                return cls(ContextKey.of(*pieces))
            if uri.startswith(SCHEME) and len(pieces) == 3 and pieces[2] in _BEHIND:
                return cls(ContextKey.of(*pieces[:2]), _BEHIND[pieces[2]])
        except InvalidKeyError as error:
            raise MissingError(f"no resource {shorten(uri)}: {error.detail}") from error
        raise MissingError(
            f"no resource {shorten(uri)}; resources are {TEMPLATE}, and with "
            "/entries or /content behind it"
        )

    def __str__(self) -> str:
        return f"{SCHEME}{self.key}" + ("" if self.part == "state" else f"/{self.part}")
