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
from backstory.wiring.proofs import open_proofs, told_of_proofs
from backstory.wiring.reading_tokens import open_reader

if TYPE_CHECKING:
    from backstory.security.verifying import Verifier
    from backstory.transports.edge.guard import Authenticator
    from backstory.transports.edge.resource_metadata import ResourceMetadata


@dataclass(frozen=True, slots=True)
class Callers:
    """Who is let in, and where clients learn how to be; there is no such thing in local mode."""

    authenticate: Authenticator
    metadata: ResourceMetadata | None = None


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
    from backstory.transports.edge.bearer import Bearer
    from backstory.transports.edge.granted import Granted
    from backstory.transports.edge.local_mode import LocalMode
    from backstory.transports.edge.origins import Origins
    from backstory.transports.edge.resource_metadata import ResourceMetadata, is_url

    if settings.auth_issuer is None:
        yield Callers(LocalMode(token))
        return
    metadata = ResourceMetadata(
        settings.auth_issuer, settings.auth_audience, settings.public_url, told_of_proofs(settings)
    )
    urls = [url for url in (settings.public_url, *settings.auth_audience) if url and is_url(url)]
    origins = Origins(urls, settings.allowed_hosts, settings.cors_origins)
    async with (
        open_verifier(settings, contexts, hooks) as verifier,
        open_proofs(settings, contexts, urls) as proofs,
        _looking(contexts.granting),
    ):
        bearer = Bearer(verifier, origins, metadata, proofs)
        yield Callers(Granted(bearer, contexts.granting), metadata)


@asynccontextmanager
async def _looking(granting: Granting) -> AsyncIterator[None]:
    """Hears of roles that are changed, on whatever node."""
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
    settings: Settings, contexts: Contexts, hooks: Hooks = SILENCE
) -> AsyncIterator[Verifier]:
    """Checks the issuer's tokens; knows its keys and which tokens are revoked.

    Raises:
        ConfigError: the keys are in a file that cannot be used.
        StoreError: the store cannot be asked for revoked tokens.
    """
    from backstory.security.claims import Reading
    from backstory.security.keeping import Keys
    from backstory.security.revoking import Revocations
    from backstory.security.sources import source_of
    from backstory.security.tokens import Expected, Reader
    from backstory.security.verifying import Verifier

    assert settings.auth_issuer is not None
    reading = Reading(
        "oidc" if settings.auth_profile == "oidc" else "rfc9068",
        settings.auth_tenant_claim,
        settings.auth_roles_claim,
        settings.auth_groups_claim,
        frozenset(settings.operators),
    )

    def changed() -> None:
        verifier.forget()
        contexts.hub.wake()

    revocations = Revocations(contexts.store, contexts.clock, changed)
    keys = Keys(source_of(settings.auth_jwks, settings.auth_issuer), changed)
    expected = Expected(settings.auth_issuer, settings.auth_audience, reading)
    await revocations.look()
    contexts.standing.revoked = lambda: revocations.names
    async with keys.kept(), open_reader(settings, expected, Reader(expected, keys)) as reader:
        verifier = Verifier(reader, lambda: revocations.names)
        hooks.stands(partial(verifier.seen.numbers, "tokens"))
        looking = asyncio.create_task(revocations.run(), name="revoked tokens")
        try:
            yield verifier
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking
