"""Who reads tokens: this server, and the issuer those that only it can read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from backstory.config import Settings
from backstory.config.authority import audiences

if TYPE_CHECKING:
    from backstory.security.authority.service import Service
    from backstory.security.tokens import Expected, Reader
    from backstory.security.verifying import Reads


@asynccontextmanager
async def open_readers(
    settings: Settings, changed: Callable[[], None], authority: Service | None
) -> AsyncIterator[Reads]:
    """Reads tokens of the issuer, of the built-in server, or of both.

    `changed` is called when a key is believed no more.

    Raises:
        ConfigError: the keys are in a file that cannot be used.
    """
    async with AsyncExitStack() as stack:
        other = None
        if settings.auth_issuer is not None:
            other = await stack.enter_async_context(_of_issuer(settings, changed))
        if authority is None:
            assert other is not None
            yield other
            return
        from backstory.security.authority.signing import RingSource
        from backstory.security.claims import Reading
        from backstory.security.issuers import Issuers
        from backstory.security.keeping import Keys
        from backstory.security.tokens import Expected, Reader

        keys = Keys(RingSource(authority.signing), changed)
        await stack.enter_async_context(keys.kept())
        reading = Reading(operators=frozenset(settings.operators))
        own = Reader(Expected(authority.issuer, authority.audiences, reading), keys)
        yield Issuers(authority.issuer, own, other)


@asynccontextmanager
async def _of_issuer(settings: Settings, changed: Callable[[], None]) -> AsyncIterator[Reads]:
    from backstory.security.claims import Reading
    from backstory.security.keeping import Keys
    from backstory.security.sources import source_of
    from backstory.security.tokens import Expected, Reader

    assert settings.auth_issuer is not None
    reading = Reading(
        "oidc" if settings.auth_profile == "oidc" else "rfc9068",
        settings.auth_tenant_claim,
        settings.auth_roles_claim,
        settings.auth_groups_claim,
        frozenset(settings.operators),
    )
    keys = Keys(source_of(settings.auth_jwks, settings.auth_issuer), changed)
    expected = Expected(settings.auth_issuer, audiences(settings), reading)
    async with keys.kept(), _open_reader(settings, expected, Reader(expected, keys)) as reader:
        yield reader


@asynccontextmanager
async def _open_reader(
    settings: Settings, expected: Expected, jwts: Reader
) -> AsyncIterator[Reads]:
    """The reader of JWTs alone, unless the settings name where to ask about other tokens."""
    if settings.auth_introspection is None:
        yield jwts
        return
    from backstory.security.asking import Client, Introspection
    from backstory.security.opaque import OpaqueReader

    assert settings.auth_client_id is not None
    assert settings.auth_client_secret is not None
    in_body = settings.auth_client_method == "post"
    client = Client(settings.auth_client_id, settings.auth_client_secret, in_body)
    async with (
        aclosing(Introspection(settings.auth_introspection, client)) as issuer,
        aclosing(OpaqueReader(jwts, issuer, expected)) as reader,
    ):
        yield reader
