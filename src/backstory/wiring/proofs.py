"""Proofs by DPoP: what the settings say of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from backstory.config import Settings
from backstory.contexts.service import Contexts

if TYPE_CHECKING:
    from backstory.ports.tokens import ProofChecker
    from backstory.transports.edge.resource_metadata import Proofs as Told


def told_of_proofs(settings: Settings) -> Told | None:
    """What clients are told; None where no proofs are looked at."""
    from backstory.security.keys import ALGORITHMS
    from backstory.transports.edge.resource_metadata import Proofs as Told

    if settings.auth_dpop == "off":
        return None
    return Told(tuple(sorted(ALGORITHMS)), settings.auth_dpop == "required")


@asynccontextmanager
async def open_proofs(
    settings: Settings, contexts: Contexts, urls: Sequence[str]
) -> AsyncIterator[ProofChecker | None]:
    """Checks proofs made for one of the `urls`; those used are remembered in Redis or the store."""
    if settings.auth_dpop == "off":
        yield None
        return
    from backstory.security.proof_uses import StoreUses
    from backstory.security.proofs import Proofs

    required = settings.auth_dpop == "required"
    stored = StoreUses(contexts.store, contexts.clock)
    redis = shared_redis(settings)
    if redis is None:
        yield Proofs(urls, stored, required=required)
        return
    from backstory.caching.proof_uses import RedisUses
    from backstory.resilience.breaker import Breaker

    uses = RedisUses(redis, stored.first, Breaker("Redis of the proofs"))
    try:
        yield Proofs(urls, uses, required=required)
    finally:
        await uses.aclose()


def shared_redis(settings: Settings) -> str | None:
    """The URL of the Redis that nodes share: that of the cache, or else of the bus."""
    for url in (settings.cache, settings.bus):
        if url.startswith(("redis://", "rediss://")):
            return url
    return None
