"""How often callers may come: what the settings say of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from backstory.config import Settings
from backstory.contexts.service import Contexts
from backstory.domain.rates import Rate
from backstory.wiring.proofs import shared_redis

if TYPE_CHECKING:
    from backstory.ports.pacing import Pacer
    from backstory.transports.edge.pacing import Pacing


@asynccontextmanager
async def open_pacing(settings: Settings, contexts: Contexts) -> AsyncIterator[Pacing | None]:
    """None without an issuer: the local administrator waits for nobody."""
    rates = (
        _rate(settings.address_rate_per_second, settings.address_rate_burst),
        _rate(settings.rate_per_second, settings.rate_burst),
    )
    if not settings.asks_tokens or rates == (None, None):
        yield None
        return
    from backstory.transports.edge.pacing import Pacing, Rates

    pacer = _pacer(settings)
    try:
        yield Pacing(pacer, Rates(*rates), contexts.seal.hash, settings.trusted_proxies)
    finally:
        await pacer.aclose()


def _rate(per_second: int, burst: int) -> Rate | None:
    return Rate(per_second, burst) if per_second else None


def _pacer(settings: Settings) -> Pacer:
    """In the Redis of the cache, or else of the bus; in this process where there is none."""
    from backstory.caching.pacing import MemoryPacer, RedisPacer
    from backstory.resilience.breaker import Breaker

    near = MemoryPacer()
    url = shared_redis(settings)
    return near if url is None else RedisPacer(url, near, Breaker("Redis of the rates"))
