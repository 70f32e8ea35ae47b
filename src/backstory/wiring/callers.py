"""Who is let in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backstory.config import Settings
from backstory.contexts.service import Contexts
from backstory.wiring.authority import app_of, open_authority

if TYPE_CHECKING:
    from backstory.security.authority.service import Service
    from backstory.security.keeping import Keys
    from backstory.security.tokens import Reader
    from backstory.security.verifying import Verifier
    from backstory.transports.authority.app import AuthorityApp
    from backstory.transports.edge.guard import Authenticator
    from backstory.transports.edge.resource_metadata import ResourceMetadata


@dataclass(frozen=True, slots=True)
class Callers:
    """Who is let in, and where clients learn how to be; there is no such thing in local mode."""

    authenticate: Authenticator
    metadata: ResourceMetadata | None = None
    authority: AuthorityApp | None = None


@asynccontextmanager
async def open_callers(
    settings: Settings, contexts: Contexts, token: str | None = None
) -> AsyncIterator[Callers]:
    """By access tokens where there is an issuer, else this machine only.

    Raises:
        ConfigError: what the settings say would let in nobody, or the wrong ones.
        StoreError: the store cannot be asked for revoked tokens.
    """
    from backstory.config.authority import audiences, issuers
    from backstory.transports.edge.bearer import Bearer
    from backstory.transports.edge.local_mode import LocalMode
    from backstory.transports.edge.origins import Origins
    from backstory.transports.edge.resource_metadata import ResourceMetadata, is_url

    if not settings.asks_tokens:
        yield Callers(LocalMode(token))
        return
    named = audiences(settings)
    metadata = ResourceMetadata(issuers(settings), named, settings.public_url)
    urls = [url for url in (settings.public_url, *named) if url and is_url(url)]
    origins = Origins(urls, settings.allowed_hosts, settings.cors_origins)
    async with (
        open_authority(settings, contexts) as authority,
        open_verifier(settings, contexts, authority) as verifier,
    ):
        app = None if authority is None else app_of(authority, settings)
        also_open = frozenset() if app is None else app.paths
        yield Callers(Bearer(verifier, origins, metadata, also_open), metadata, app)


@asynccontextmanager
async def open_verifier(
    settings: Settings, contexts: Contexts, authority: Service | None = None
) -> AsyncIterator[Verifier]:
    """Checks tokens of the issuer, of the built-in server, or of both; knows which are revoked.

    Raises:
        ConfigError: the keys are in a file that cannot be used.
        StoreError: the store cannot be asked for revoked tokens.
    """
    from backstory.security.revoking import Revocations
    from backstory.security.tokens import Issuers
    from backstory.security.verifying import Verifier

    def changed() -> None:
        verifier.forget()
        contexts.hub.wake()

    revocations = Revocations(contexts.store, contexts.clock, changed)
    believed = list(_believed(settings, changed, authority))
    readers = {reader.issuer: reader for reader, _ in believed}
    reader = believed[0][0] if len(believed) == 1 else Issuers(readers)
    verifier = Verifier(reader, lambda: revocations.names)
    await revocations.look()
    contexts.standing.revoked = lambda: revocations.names
    async with AsyncExitStack() as stack:
        for _, keys in believed:
            await stack.enter_async_context(keys.kept())
        looking = asyncio.create_task(revocations.run(), name="revoked tokens")
        try:
            yield verifier
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking


def _believed(
    settings: Settings, changed: Callable[[], None], authority: Service | None
) -> Iterator[tuple[Reader, Keys]]:
    """Whose tokens are read, and by which keys."""
    from backstory.config.authority import audiences
    from backstory.security.claims import Reading
    from backstory.security.keeping import Keys
    from backstory.security.sources import source_of
    from backstory.security.tokens import Expected, Reader

    named, operators = audiences(settings), frozenset(settings.operators)
    if authority is not None:
        from backstory.security.authority.signing import RingSource

        keys = Keys(RingSource(authority.signing), changed)
        expected = Expected(authority.issuer, named, Reading(operators=operators))
        yield Reader(expected, keys), keys
    if settings.auth_issuer is not None:
        keys = Keys(source_of(settings.auth_jwks, settings.auth_issuer), changed)
        reading = Reading(
            "oidc" if settings.auth_profile == "oidc" else "rfc9068",
            settings.auth_tenant_claim,
            settings.auth_roles_claim,
            operators,
        )
        yield Reader(Expected(settings.auth_issuer, named, reading), keys), keys
