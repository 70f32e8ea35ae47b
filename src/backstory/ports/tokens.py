"""The verifier of access tokens: from what a caller shows to who it is."""

from __future__ import annotations

from typing import Protocol

from backstory.domain.principals import Principal


class TokenVerifier(Protocol):
    """Believes a token as a whole or not at all, and remembers it for a short time."""

    def known(self, token: str) -> Principal | None:
        """Who shows the token, where it was verified lately and nothing speaks against it since."""
        ...

    async def verify(self, token: str) -> Principal:
        """Who shows the token.

        Raises:
            TokenRefusedError: it is not to be believed; the reason is for the log.
        """
        ...
