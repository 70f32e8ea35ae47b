"""Which coding a caller likes best (RFC 9110 section 12.5.3)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from backstory import limits
from backstory.errors import NotAcceptableError
from backstory.transports.edge.coding.codecs import BY_NAME, CODECS, Codec

IDENTITY: Final = "identity"
_ITEM = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?\Z", re.IGNORECASE
)


@lru_cache(maxsize=limits.ACCEPTS_READ)
def choose(accepted: str | None) -> Codec | None:
    """The coding to use, None for none; what cannot be read in the header is passed over.

    Raises:
        NotAcceptableError: the caller takes none of ours, and not the plain answer either.
    """
    if not accepted:
        return None
    weights = _weights(accepted)
    other = weights.get("*")
    plain = weights.get(IDENTITY, 1.0 if other is None else other)
    liked = [(_weight(weights, codec, other), -rank) for rank, codec in enumerate(CODECS)]
    weight, rank = max(liked)
    if weight > 0 and (weight >= plain or IDENTITY not in weights):
        return CODECS[-rank]
    if plain <= 0:
        names = ", ".join(codec.name for codec in CODECS)
        raise NotAcceptableError(f"answers come plain or coded in {names}; accept one of them")
    return None


def _weight(weights: dict[str, float], codec: Codec, other: float | None) -> float:
    named = [weights[name] for name, known in BY_NAME.items() if known is codec and name in weights]
    return max(named) if named else (other or 0.0)


def _weights(accepted: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for item in accepted.split(","):
        matched = _ITEM.match(item.strip())
        if matched:
            found[matched[1].lower()] = float(matched[2]) if matched[2] else 1.0
    return found
