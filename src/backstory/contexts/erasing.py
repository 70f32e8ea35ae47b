"""Erasing a subject, and the receipt for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import orjson

from backstory.contexts import access
from backstory.domain import policy, roles
from backstory.domain.bindings import bindee, bindees_of, keys_of, read
from backstory.domain.keys import ContextKey
from backstory.domain.permissions import BINDINGS
from backstory.domain.policy import Decision, Verb
from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.domain.subjects import Erasure, everything_of, subject
from backstory.errors import (
    DeniedError,
    InvalidCursorError,
    LockOutError,
    MissingError,
    SchemaError,
)
from backstory.ports import acts
from backstory.ports.audits import Auditing
from backstory.ports.bus import ChangeBus
from backstory.ports.store import Store

_PURPOSE: Final = "receipt"
_FIRST: Final = 9  # members of receipts of 0.1.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, sealed so that nobody can make one up, and whether it still is so."""

    erasure: Erasure
    sealed: str
    holds: bool


class Eraser:
    """Erases for those who administer a namespace, and for whoever is at home there."""

    def __init__(
        self, store: Store, bus: ChangeBus, seal: Seal, forget: Callable[[str], None]
    ) -> None:
        """`forget` is told of tenants whose bindings were erased."""
        self._store, self._bus, self._seal, self._forget = store, bus, seal, forget
        self.auditing: Auditing | None = None
        """Who keeps the audit trail, where there is one."""

    async def erase(self, principal: Principal, namespace: str) -> Receipt:
        """Erase a subject with all that is below its namespace, or go on with it.

        Raises:
            InvalidKeyError: it is no subject's namespace.
            MissingError, DeniedError, ScopeError: the principal may not.
            LockOutError: an administrator would lose that right with itself.
        """
        named = subject(namespace)
        _require(principal, named)
        await self._check_rights(principal, named)
        if self.auditing is not None:
            # What was told until now is sealed with its names first, so that these go, too.
            await self.auditing.seal(principal.tenant)
        erased = await self._store.erase(principal.tenant, named, principal.author)
        self._forget(principal.tenant)
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
            return await self._receipt(self._open(principal.tenant, named, sealed))
        found = await self._store.erasure(principal.tenant, named)
        if found is None:
            raise MissingError(f"nothing was erased of {named}")
        return await self._receipt(found)

    def _open(self, tenant: str, named: str, sealed: str) -> Erasure:
        for count in (len(fields(Erasure)), _FIRST):
            try:
                return Erasure(*self._seal.open_members(_PURPOSE, tenant, named, sealed, count))
            except InvalidCursorError:
                if count == _FIRST:
                    raise
        raise AssertionError

    async def _check_rights(self, principal: Principal, named: str) -> None:
        """What is bound to the subject goes with it, which must not be a way around anything.

        Raises:
            DeniedError: it would rid itself of a role that denies it something, or somebody else of
                rights that it does not manage.
            LockOutError: it would lose the right to administer.
        """
        gone = keys_of(named)
        own = policy.own_namespace(principal) == everything_of(named)
        if policy.decide(principal, Verb.ADMIN, BINDINGS) is Decision.ALLOWED:
            if own and not await self._stays_admin(principal, gone):
                raise LockOutError(
                    "you would lose the role admin with yourself; have another admin erase you, or "
                    "one whose token says that it is one"
                )
        elif own and await self._is_denied(principal.tenant, gone):
            raise _for_admins("roles that deny something are bound to you, and would go with you")
        elif not own and any([await self._roles(principal.tenant, key) for key in gone]):
            raise _for_admins(f"roles are bound to {named}, and would go with it")

    async def _stays_admin(self, principal: Principal, gone: Collection[ContextKey]) -> bool:
        """Whether the caller is an administrator by its token, or by a binding that stays."""
        if principal.rights is None or policy.ADMIN in principal.roles:
            return True
        for each in bindees_of(principal):
            if each.key not in gone and policy.ADMIN in await self._roles(
                principal.tenant, each.key
            ):
                return True
        return False

    async def _is_denied(self, tenant: str, keys: Iterable[ContextKey]) -> bool:
        for key in keys:
            for role in await self._roles(tenant, key):
                if role in policy.BUILT_IN:
                    continue
                state = await self._state(tenant, roles.key_of(role))
                try:
                    if state is not None and roles.read(state).deny:
                        return True
                except SchemaError:  # it cannot be read, which denies everything
                    return True
        return False

    async def _roles(self, tenant: str, key: ContextKey) -> Sequence[str]:
        """What is bound there."""
        state = await self._state(tenant, key)
        if state is None:
            return ()
        try:
            family, name = str(state["family"]), str(state["name"])
            return read(bindee(family, name), state).roles
        except (SchemaError, KeyError, TypeError) as error:
            raise _for_admins(f"{key} cannot be read, and denies everything") from error

    async def _state(self, tenant: str, key: ContextKey) -> Any:
        snapshot = await self._store.snapshot(tenant, key)
        if snapshot is None or snapshot.head.deleted:
            return None
        return orjson.loads(snapshot.state)

    async def _receipt(self, erased: Erasure) -> Receipt:
        sealed = self._seal.close(_PURPOSE, erased.tenant, erased.subject, _members(erased))
        return Receipt(erased, sealed, await self._store.is_erased(erased))


def _for_admins(reason: str) -> DeniedError:
    return DeniedError(f"{reason}; an admin of the tenant may do that", verb=Verb.ADMIN.value)


def _members(erased: Erasure) -> list[Any]:
    return [getattr(erased, each.name) for each in fields(Erasure)]


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
