"""How long a value would be as JSON, found out before it is written out."""

from __future__ import annotations

from typing import Any


def longer_than(value: Any, most: int) -> bool:
    """Whether the value surely takes more than `most` bytes as compact JSON.

    A lower bound, so the bytes have to be counted all the same; but no more than a few times
    `most` are ever written for nothing. Looks no further than the bound.
    """
    if isinstance(value, str):
        return len(value) > most
    left = most
    rest = [value]
    while rest and left >= 0:
        item = rest.pop()
        if isinstance(item, str):
            left -= len(item) + 2
        elif isinstance(item, dict):
            left -= sum(map(len, item)) + 4 * len(item)
            rest.extend(item.values())
        elif isinstance(item, list):
            left -= len(item) + 1
            rest.extend(item)
        else:
            left -= 1
    return left < 0
