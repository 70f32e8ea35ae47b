"""Tokens of several issuers, each read by the reader of its own."""

from __future__ import annotations

from backstory import limits
from backstory.domain.principals import Principal
from backstory.errors import TokenRefusedError
from backstory.security.tokens import claimed_issuer, is_jwt
from backstory.security.verifying import Reads


class Issuers:
    """What a token says of its issuer only chooses whose keys it is checked with.

    `own` reads tokens of one issuer, `other` whatever else there is.
    """

    def __init__(self, issuer: str, own: Reads, other: Reads | None) -> None:
        self._issuer, self._own, self._other = issuer, own, other

    async def read(self, token: str) -> tuple[Principal, float]:
        """As `tokens.Reader.read`."""
        if self._other is None:
            return await self._own.read(token)
        if len(token) > limits.TOKEN_BYTES:
            raise TokenRefusedError("it is too long")
        said = claimed_issuer(token) if is_jwt(token) else None
        return await (self._own if said == self._issuer else self._other).read(token)
