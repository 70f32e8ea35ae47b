"""Media types that extensions name: well-formed, in lower case, and each taken once."""

from __future__ import annotations

import re
from typing import Any, Final

from backstory.domain.keys import shorten
from backstory.extensions import require

_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*\Z")


def take(media_type: Any, taken: set[str]) -> None:
    """Adds it to those that are taken.

    Raises:
        ConfigError: it is none (RFC 6838 section 4.2, without parameters), or taken.
    """
    well_formed = isinstance(media_type, str) and _MEDIA_TYPE.match(media_type)
    require(bool(well_formed), f"{shorten(str(media_type))} is no media type in lower case")
    require(media_type not in taken, f"{media_type} is taken")
    taken.add(media_type)
