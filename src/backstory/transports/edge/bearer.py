"""Who calls, where tokens are asked for: `Authorization: Bearer` with an access token.

Where proofs are checked, `Authorization: DPoP` with a token that is bound to a key, too.

Whatever is wrong with a token, its bearer is told the same; the reason stands in the log.
"""

from __future__ import annotations

import logging
from typing import Final

from starlette.types import Scope

from backstory.domain.principals import ANONYMOUS, Principal
from backstory.errors import (
    BackstoryError,
    MalformedError,
    ProofRefusedError,
    ScopeError,
    TokenRefusedError,
    UnauthenticatedError,
)
from backstory.ports.tokens import ProofChecker, TokenVerifier
from backstory.transports.edge import headers
from backstory.transports.edge.guard import Who
from backstory.transports.edge.local_mode import is_open
from backstory.transports.edge.origins import Origins
from backstory.transports.edge.resource_metadata import FIRST_SCOPES, PREFIX, ResourceMetadata

logger = logging.getLogger(__name__)

_PROBES: Final = frozenset({"/livez", "/readyz"})
"""Are asked by address, whatever the server's name is."""
_HEALTH: Final = "/healthz"
_SCHEME: Final = "bearer "
_PROVEN: Final = "dpop "


class Bearer:
    """Tells who calls, by a token."""

    def __init__(
        self,
        verifier: TokenVerifier,
        origins: Origins,
        metadata: ResourceMetadata,
        proofs: ProofChecker | None = None,
        also_open: frozenset[str] = frozenset(),
    ) -> None:
        """`also_open` are paths at which callers say who they are in another way."""
        self._verifier = verifier
        self._proofs = proofs
        self._origins = origins
        self._metadata = metadata
        self._also_open = also_open

    async def __call__(self, scope: Scope) -> Principal:
        """The principal of a request; `ANONYMOUS` for what needs no token.

        Raises:
            MisdirectedError, DeniedError: Host or Origin is a foreign one.
            UnauthenticatedError: there is no token, or none that is to be believed.
            MalformedError: there is no Host header, or a header stands twice.
            IssuerUnavailableError, StoreError: nobody can say now whether it is.
        """
        path = scope["path"]
        if path in _PROBES:
            return ANONYMOUS
        host, origin, authorization = _heads(scope)
        self._origins.check(host, origin)
        if self._is_open(path):
            return ANONYMOUS
        if authorization is None:
            if path == _HEALTH:
                return ANONYMOUS
            raise UnauthenticatedError("a token is needed: Authorization: Bearer")
        if authorization[: len(_SCHEME)].lower() == _SCHEME:
            token = authorization[len(_SCHEME) :].strip()
        elif self._proofs is not None and authorization[: len(_PROVEN)].lower() == _PROVEN:
            return await self._proven(scope, authorization[len(_PROVEN) :].strip(), self._proofs)
        else:
            raise UnauthenticatedError("a token is needed: Authorization: Bearer")
        known = self._verifier.known(token)
        principal = await self._verify(scope, token) if known is None else known
        if self._proofs is not None and (principal.bound_to or self._proofs.required):
            raise _refused(scope, ProofRefusedError("a token came without its proof"))
        return principal

    def knowing(self, scope: Scope) -> Who | None:
        """As `guard.Knowing`, of tokens that were verified lately and need no proof.

        Raises:
            BackstoryError: nobody that is let in.
        """
        host, origin, authorization = _heads(scope)
        self._origins.check(host, origin)
        if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
            return None
        who, proofs = self._verifier.knowing(authorization[len(_SCHEME) :].strip()), self._proofs
        if proofs is None:
            return who

        def unproven() -> Principal | None:
            found = who()
            return None if found is None or found.bound_to or proofs.required else found

        return unproven

    def _is_open(self, path: str) -> bool:
        return (
            is_open(path)
            or path == PREFIX
            or path.startswith(PREFIX + "/")
            or path in self._also_open
        )

    async def _verify(self, scope: Scope, token: str) -> Principal:
        try:
            return await self._verifier.verify(token)
        except TokenRefusedError as error:
            raise _refused(scope, error) from error

    async def _proven(self, scope: Scope, token: str, proofs: ProofChecker) -> Principal:
        """Who shows a token together with a proof that it is theirs."""
        known = self._verifier.known(token)
        principal = await self._verify(scope, token) if known is None else known
        if principal.bound_to is None:
            unbound = TokenRefusedError("it is bound to no key, and came as if it were")
            raise _refused(scope, unbound)
        shown = headers.values(scope, b"dpop")
        if len(shown) != 1:
            raise _refused(scope, ProofRefusedError(f"there are {len(shown)} proofs"))
        try:
            await proofs.check(
                shown[0], scope["method"], scope["path"], token=token, bound_to=principal.bound_to
            )
        except TokenRefusedError as error:
            raise _refused(scope, error) from error
        return principal

    def challenge(self, scope: Scope, error: BackstoryError) -> str | None:
        """What the answer to an error tells of how to get a token that would do."""
        match error:
            case ScopeError():
                needed = error.context["scope"]
                return self._metadata.challenge(scope, needed=needed, error="insufficient_scope")
            case ProofRefusedError():
                code = "invalid_dpop_proof"
                return self._metadata.challenge(scope, needed=FIRST_SCOPES, error=code)
            case TokenRefusedError():
                return self._metadata.challenge(scope, needed=FIRST_SCOPES, error="invalid_token")
            case UnauthenticatedError():
                return self._metadata.challenge(scope, needed=FIRST_SCOPES)
            case _:
                return None


def _refused(scope: Scope, error: TokenRefusedError) -> TokenRefusedError:
    """The error, once its reason stands in the log."""
    request = scope.get("backstory.request")
    trace = "" if request is None else request.trace_id
    what = "proof" if isinstance(error, ProofRefusedError) else "token"
    logger.warning("a %s is refused: %s", what, error.reason, extra={"trace_id": trace})
    return error


def _heads(scope: Scope) -> tuple[str, str | None, str | None]:
    host = origin = authorization = None
    for name, value in scope["headers"]:
        if name == b"host":
            host = _once(host, value, "Host")
        elif name == b"origin":
            origin = _once(origin, value, "Origin")
        elif name == b"authorization":
            authorization = _once(authorization, value, "Authorization")
    if host is None:
        raise MalformedError("there is no Host header")
    return host, origin, authorization


def _once(before: str | None, value: bytes, name: str) -> str:
    if before is not None:
        raise MalformedError(f"there are two {name} headers")
    return value.decode("latin-1").strip()
