"""The URIs of contexts: `context://namespace/name` and `context://namespace/name/entries`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from backstory.domain.keys import ContextKey, shorten
from backstory.errors import InvalidKeyError, MissingError

SCHEME: Final = "context://"
TEMPLATE: Final = "context://{namespace}/{name}"
ENTRIES_TEMPLATE: Final = TEMPLATE + "/entries"

PartName = Literal["state", "entries"]


@dataclass(frozen=True, slots=True)
class Address:
    """A context, or its entries."""

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
            if uri.startswith(SCHEME) and len(pieces) == 3 and pieces[2] == "entries":
                return cls(ContextKey.of(*pieces[:2]), "entries")
        except InvalidKeyError as error:
            raise MissingError(f"no resource {shorten(uri)}: {error.detail}") from error
        raise MissingError(
            f"no resource {shorten(uri)}; resources are {TEMPLATE} and {ENTRIES_TEMPLATE}"
        )

    def __str__(self) -> str:
        return f"{SCHEME}{self.key}" + ("/entries" if self.part == "entries" else "")
