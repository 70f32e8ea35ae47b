"""The verifier of access tokens: a reader, and a memory of tokens that were read lately.

A token is remembered by its hash, for `limits.TOKEN_KNOWN_SECONDS` and never past its end.
Everything is forgotten when a key is withdrawn or a token is revoked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Protocol

from backstory import limits
from backstory.domain.principals import Principal
from backstory.errors import TokenRefusedError
from backstory.ports.memories import Hits


class Reads(Protocol):
    """Reads one token: `tokens.Reader` and `opaque.OpaqueReader`."""

    async def read(self, token: str) -> tuple[Principal, float]:
        """Who the token speaks for, and when it ends, in seconds."""
        ...


class Verifier:
    """`ports.tokens.TokenVerifier`. `revoked` tells the names of tokens that are."""

    def __init__(
        self,
        reader: Reads,
        revoked: Callable[[], frozenset[str]] = frozenset,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._revoked = revoked
        self._now = now
        self._monotonic = monotonic
        self._known: dict[bytes, tuple[float, Principal]] = {}
        self._life = 0
        self.seen = Hits()

    def forget(self) -> None:
        """Remember no token any more."""
        self._life += 1
        self._known.clear()

    def known(self, token: str) -> Principal | None:
        """Who shows the token, where it was verified lately."""
        return self._known_by(_name(token))

    def knowing(self, token: str) -> Callable[[], Principal | None]:
        """What tells the same again and again, without keeping the token."""
        return partial(self._known_by, _name(token))

    def _known_by(self, name: bytes) -> Principal | None:
        found = self._known.get(name)
        if found is None or found[0] <= self._monotonic():
            return None  # a miss once it is verified
        return self.seen.seen(found[1])

    async def verify(self, token: str) -> Principal:
        """Who shows the token.

        Raises:
            TokenRefusedError: it is not to be believed.
            IssuerUnavailableError: nobody can say whether it is.
        """
        life = self._life
        self.seen.seen(None)
        principal, end = await self._reader.read(token)
        if principal.token in self._revoked():
            raise TokenRefusedError("it was revoked")
        if life == self._life:  # nothing was withdrawn while it was read
            self._remember(token, principal, end - self._now())
        return principal

    def _remember(self, token: str, principal: Principal, left: float) -> None:
        if left <= 0:
            return
        if len(self._known) >= limits.TOKENS_KNOWN:
            del self._known[next(iter(self._known))]
        until = self._monotonic() + min(left, limits.TOKEN_KNOWN_SECONDS)
        name = _name(token)
        self._known.pop(name, None)  # so that it is the newest of them
        self._known[name] = (until, principal)


def _name(token: str) -> bytes:
    return sha256(token.encode()).digest()
