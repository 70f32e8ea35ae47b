"""Who reads tokens: this server, and the issuer those that only it can read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from backstory.config import Settings

if TYPE_CHECKING:
    from backstory.security.tokens import Expected, Reader
    from backstory.security.verifying import Reads


@asynccontextmanager
async def open_reader(settings: Settings, expected: Expected, jwts: Reader) -> AsyncIterator[Reads]:
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
