"""Erasing a subject, and the receipt for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from backstory.contexts import access
from backstory.domain import policy
from backstory.domain.policy import Decision, Verb
from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.domain.subjects import Erasure, everything_of, subject
from backstory.errors import DeniedError, MissingError
from backstory.ports import acts
from backstory.ports.audits import Auditing
from backstory.ports.bus import ChangeBus
from backstory.ports.store import Store

_PURPOSE: Final = "receipt"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, sealed so that nobody can make one up, and whether it still is so."""

    erasure: Erasure
    sealed: str
    holds: bool


class Eraser:
    """Erases for those who administer a namespace, and for whoever is at home there."""

    def __init__(self, store: Store, bus: ChangeBus, seal: Seal) -> None:
        self._store, self._bus, self._seal = store, bus, seal
        self.auditing: Auditing | None = None
        """Who keeps the audit trail, where there is one."""

    async def erase(self, principal: Principal, namespace: str) -> Receipt:
        """Erase a subject with all that is below its namespace, or go on with it.

        Raises:
            InvalidKeyError: it is no subject's namespace.
            MissingError, DeniedError, ScopeError: the principal may not.
        """
        named = subject(namespace)
        _require(principal, named)
        if self.auditing is not None:
            # What was told until now is sealed with its names first, so that these go, too.
            await self.auditing.seal(principal.tenant)
        erased = await self._store.erase(principal.tenant, named, principal.author)
        if self.auditing is not None:
            await self.auditing.record(principal, "erase", named, erasure=erased.number)
        self._bus.announce(principal.tenant)
        return await self._receipt(erased)

    async def receipt(
        self, principal: Principal, namespace: str, sealed: str | None = None
    ) -> Receipt:
        """The receipt of the newest erasure, or of the one that a sealed receipt is about.

        Raises:
            InvalidKeyError: it is no subject's namespace.
            MissingError: nothing was erased there.
            InvalidCursorError: the receipt is none of this store's, or of another subject.
            MissingError, DeniedError, ScopeError: the principal may not.
        """
        named = subject(namespace)
        _require(principal, named)
        if sealed is not None:
            scope = (_PURPOSE, principal.tenant, named)
            return await self._receipt(Erasure(*self._seal.open_members(*scope, sealed, 9)))
        found = await self._store.erasure(principal.tenant, named)
        if found is None:
            raise MissingError(f"nothing was erased of {named}")
        return await self._receipt(found)

    async def _receipt(self, erased: Erasure) -> Receipt:
        sealed = self._seal.close(_PURPOSE, erased.tenant, erased.subject, _members(erased))
        return Receipt(erased, sealed, await self._store.is_erased(erased))


def _members(erased: Erasure) -> list[Any]:
    numbers = [erased.contexts, erased.entries, erased.forks, erased.keys]
    names = [erased.number, erased.tenant, erased.subject]
    return [*names, erased.begun_at, erased.ended_at, *numbers]


def _require(principal: Principal, named: str) -> None:
    """Who administers the namespace may, and the subject itself where it may write there.

    Raises:
        MissingError: the principal may not even know what is there.
        DeniedError: it may read there, but not erase.
        ScopeError: its roles would let it, its token's scope does not.
    """
    if policy.own_namespace(principal) == everything_of(named):
        decision = policy.decide(principal, Verb.WRITE, named)
    else:
        decision = policy.decide(principal, Verb.ADMIN, named)
    acts.decided(Verb.ADMIN, everything_of(named), access.CODES[decision])
    match decision:
        case Decision.ALLOWED:
            return
        case Decision.NARROW:
            raise access.narrow(Verb.ADMIN, named)
        case Decision.REFUSED:
            raise DeniedError(f"you may read in {named}, but not erase it", verb=Verb.ADMIN.value)
        case Decision.UNSEEN:
            raise MissingError(f"there is no subject {named}")
