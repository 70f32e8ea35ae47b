"""Who is let in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from backstory.config import Settings
from backstory.contexts.granting import Granting
from backstory.contexts.service import Contexts
from backstory.ports.hooks import SILENCE, Hooks
from backstory.wiring.authority import app_of, open_authority
from backstory.wiring.proofs import open_proofs, told_of_proofs
from backstory.wiring.reading_tokens import open_readers

if TYPE_CHECKING:
    from backstory.security.authority.service import Service
    from backstory.security.verifying import Verifier
    from backstory.transports.authority.app import AuthorityApp
    from backstory.transports.edge.guard import Knowing
    from backstory.transports.edge.resource_metadata import ResourceMetadata


@dataclass(frozen=True, slots=True)
class Callers:
    """Who is let in, and where clients learn how to be; there is no such thing in local mode."""

    authenticate: Knowing
    metadata: ResourceMetadata | None = None
    authority: AuthorityApp | None = None


@asynccontextmanager
async def open_callers(
    settings: Settings,
    contexts: Contexts,
    token: str | None = None,
    hooks: Hooks = SILENCE,
) -> AsyncIterator[Callers]:
    """By access tokens where there is an issuer, else this machine only.

    Raises:
        ConfigError: what the settings say would let in nobody, or the wrong ones.
        StoreError: the store cannot be asked for revoked tokens.
    """
    from backstory.config.authority import audiences, issuers
    from backstory.transports.edge.bearer import Bearer
    from backstory.transports.edge.granted import Granted
    from backstory.transports.edge.local_mode import LocalMode
    from backstory.transports.edge.origins import Origins
    from backstory.transports.edge.resource_metadata import ResourceMetadata, is_url

    if not settings.asks_tokens:
        async with _looking(contexts.granting):
            yield Callers(LocalMode(token))
        return
    named = audiences(settings)
    metadata = ResourceMetadata(
        issuers(settings), named, settings.public_url, told_of_proofs(settings)
    )
    urls = [url for url in (settings.public_url, *named) if url and is_url(url)]
    origins = Origins(urls, settings.allowed_hosts, settings.cors_origins)
    async with (
        open_authority(settings, contexts) as authority,
        open_verifier(settings, contexts, authority, hooks) as verifier,
        open_proofs(settings, contexts, urls) as proofs,
        _looking(contexts.granting),
    ):
        app = None if authority is None else app_of(authority, settings)
        also_open = frozenset() if app is None else app.paths
        bearer = Bearer(verifier, origins, metadata, proofs, also_open)
        yield Callers(Granted(bearer, contexts.granting), metadata, app)


@asynccontextmanager
async def _looking(granting: Granting) -> AsyncIterator[None]:
    """Hears of roles and quotas that are changed, on whatever node."""
    await granting.look()
    looking = asyncio.create_task(granting.run(), name="changed roles")
    try:
        yield
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking


@asynccontextmanager
async def open_verifier(
    settings: Settings,
    contexts: Contexts,
    authority: Service | None = None,
    hooks: Hooks = SILENCE,
) -> AsyncIterator[Verifier]:
    """Checks tokens of the issuer, of the built-in server, or of both; knows which are revoked.

    Raises:
        ConfigError: the keys are in a file that cannot be used.
        StoreError: the store cannot be asked for revoked tokens.
    """
    from backstory.security.revoking import Revocations
    from backstory.security.verifying import Verifier

    def changed() -> None:
        verifier.forget()
        contexts.hub.wake()

    revocations = Revocations(contexts.store, contexts.clock, changed)
    contexts.standing.revoked = lambda: revocations.names
    async with open_readers(settings, changed, authority) as reader:
        verifier = Verifier(reader, lambda: revocations.names)
        hooks.stands(partial(verifier.seen.numbers, "tokens"))
        await revocations.recall()
        await revocations.look()
        looking = asyncio.create_task(revocations.run(), name="revoked tokens")
        try:
            yield verifier
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking
