"""Content for tests, the same in every run."""

import random

_SOURCE = random.Random(5)
_WORDS = ["".join(_SOURCE.choices("etaoinshrdlu", k=_SOURCE.randint(2, 9))) for _ in range(3000)]
TEXT = " ".join(_SOURCE.choices(_WORDS, k=300_000)).encode()[:1_500_000]
"""1.5 MB that compress about as well as prose."""


def edited(data, *edits):
    """What edits of (offset, delete, insert) make of the bytes, done in memory."""
    whole, place = [], 0
    for offset, delete, insert in edits:
        whole += [data[place:offset], insert]
        place = offset + delete
    return b"".join([*whole, data[place:]])
