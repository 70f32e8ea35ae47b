"""The verifier of access tokens: from what a caller shows to who it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from backstory.domain.principals import Principal


class TokenVerifier(Protocol):
    """Believes a token as a whole or not at all, and remembers it for a short time."""

    def known(self, token: str) -> Principal | None:
        """Who shows the token, where it was verified lately and nothing speaks against it since."""
        ...

    def knowing(self, token: str) -> Callable[[], Principal | None]:
        """What tells the same again and again, without keeping the token."""
        ...

    async def verify(self, token: str) -> Principal:
        """Who shows the token.

        Raises:
            TokenRefusedError: it is not to be believed; the reason is for the log.
            IssuerUnavailableError: only the issuer could say, and it does not answer.
        """
        ...


class ProofChecker(Protocol):
    """Checks that whoever shows a token has the key it is bound to (RFC 9449)."""

    @property
    def required(self) -> bool:
        """Whether tokens that are bound to no key are refused."""
        ...

    async def check(self, proof: str, method: str, path: str, *, token: str, bound_to: str) -> None:
        """Pass a proof that was made for this request, and not used before.

        Raises:
            ProofRefusedError: it is not to be believed; the reason is for the log.
            StoreError: nobody can say now whether it was used before.
        """
        ...
