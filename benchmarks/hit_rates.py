"""How often a process finds what is asked for in its own cache, by the bytes it may use.

The cache is the real one. Which context is asked for follows Zipf's law; how large it is
follows real conversations. A write makes a new version, so that the bodies of before miss.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from backstory.caching.memory import MemoryCache
from backstory.domain.contexts import Tag
from backstory.limits import CACHE_ENTRY_BYTES
from backstory.ports.cache import Cached

# Bytes of what is cached of a conversation, in twenty equal shares: `benchmarks.context_sizes`
# over 500 dialogs of Taskmaster-4 and 128 of Schema-Guided Dialogue, half of each drawn.
VIEWS: Final = (
    *(303, 318, 319, 1115, 1269, 1737, 2013, 2402, 3383, 3470),
    *(3575, 3795, 4175, 4175, 4228, 4408, 4569, 4868, 5513, 5952),
    *(294, 310, 316, 326, 336, 340, 347, 357, 366, 381),
    *(588, 600, 613, 623, 629, 632, 638, 654, 669, 687),
)
TAILS: Final = (
    *(349, 745, 802, 1134, 1403, 2518, 2566, 2608, 3066, 3150),
    *(3233, 3324, 3395, 3569, 3620, 3745, 3844, 4080, 4424, 5707),
    *(4247, 5366, 6133, 7086, 8021, 9006, 9976, 10929, 11718, 12296),
    *(13316, 13753, 14202, 14776, 15328, 15544, 16660, 17504, 19259, 22126),
)
SIZES: Final = tuple(zip(VIEWS, TAILS, strict=True))
_BODIES: Final = {size: bytes(size) for pair in SIZES for size in pair}


@dataclass(frozen=True, slots=True)
class Traffic:
    """Who asks for what. `exponent` is Zipf's; Each of the `nodes` has `requests`."""

    contexts: int = 8_000
    requests: int = 64_000
    writes: float = 0.2
    exponent: float = 1.0
    nodes: int = 1
    seed: int = 7


def all_bytes(traffic: Traffic) -> int:
    """What all contexts would take in a cache."""
    return sum(view + tail + 2 * CACHE_ENTRY_BYTES for view, tail in _sizes(traffic))


def hit_rate(most_bytes: int, traffic: Traffic) -> float:
    """The share of bodies that one of the nodes finds, in the second half of the requests."""
    return asyncio.run(_hit_rate(most_bytes, traffic))


def _sizes(traffic: Traffic) -> list[tuple[int, int]]:
    return random.Random(traffic.seed).choices(SIZES, k=traffic.contexts)


async def _hit_rate(most_bytes: int, traffic: Traffic) -> float:
    source, sizes = random.Random(traffic.seed + 1), _sizes(traffic)
    cache = MemoryCache(most_bytes, now=lambda: 0.0)
    versions = [1] * traffic.contexts
    weights = list(accumulate((n + 1) ** -traffic.exponent for n in range(traffic.contexts)))
    total = traffic.requests * traffic.nodes
    asked = source.choices(range(traffic.contexts), cum_weights=weights, k=total)
    hits = looks = 0
    for number, context in enumerate(asked):
        if source.random() < traffic.writes:
            versions[context] += 1
        elif source.random() * traffic.nodes < 1:
            found = await _read(cache, context, versions[context], sizes[context])
            if number >= total // 2:
                hits, looks = hits + found, looks + 2
    return hits / looks


async def _read(cache: MemoryCache, context: int, version: int, sizes: tuple[int, int]) -> int:
    """How many of the view and the tail were there; what was not is there now."""
    tag, found = Tag(version, b""), 0
    for name, size in zip("vt", sizes, strict=True):
        kept: Cached = await cache.get(f"{name}{context}", tag)
        if kept.body is None:
            await cache.fill(f"{name}{context}", kept, tag, _BODIES[size])
        else:
            found += 1
    return found
