"""Who calls, with all rights: those that the store binds to the caller included."""

from __future__ import annotations

from starlette.types import Scope

from backstory.contexts.granting import Granting
from backstory.domain.principals import ANONYMOUS, Principal
from backstory.transports.edge.guard import Knowing, Who


class Granted:
    """An authenticator whose principals know their rights. One seen lately costs no read."""

    def __init__(self, authenticate: Knowing, granting: Granting) -> None:
        self._authenticate = authenticate
        self._granting = granting
        self.challenge = authenticate.challenge

    def knowing(self, scope: Scope) -> Who | None:
        """As `guard.Knowing`, where the rights are known as well."""
        who, rights = self._authenticate.knowing(scope), self._granting.known
        if who is None:
            return None

        def known() -> Principal | None:
            found = who()
            return found if found is None or found is ANONYMOUS else rights(found)

        return known

    async def __call__(self, scope: Scope) -> Principal:
        """The principal of a request.

        Raises:
            BackstoryError: nobody that is let in.
            StoreError: the store cannot tell what is bound to the caller.
        """
        found = await self._authenticate(scope)
        if found is ANONYMOUS:
            return found
        return self._granting.known(found) or await self._granting.of(found)
