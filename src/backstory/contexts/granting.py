"""What the store grants and denies a caller, beside what its token says.

Who was seen lately costs no read: the roles of its tenant stand as long as nobody changes them,
and each node looks twice a second for tenants whose roles were changed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import orjson

from backstory import limits
from backstory.clock import SECOND, Clock
from backstory.domain import bindings, policy, roles
from backstory.domain.bindings import Binding
from backstory.domain.keys import ContextKey
from backstory.domain.keys import NamespacePattern as Pattern
from backstory.domain.permissions import BINDINGS, NOTHING_BOUND, ROLES, Bound, Grant, Life
from backstory.domain.policy import Visibility
from backstory.domain.principals import Principal
from backstory.domain.roles import Role
from backstory.errors import SchemaError, StoreError
from backstory.ports.store import HeadQuery, Store
from backstory.resilience.trouble import Trouble

logger = logging.getLogger(__name__)

_Who = tuple[str, str, str | None, frozenset[str], frozenset[str]]
_PLACES: Final = (ROLES, BINDINGS)


@dataclass(slots=True)
class _Tenant:
    """What is known of one tenant's roles; over as a whole when anything of it changes."""

    there: frozenset[str]  # of the places where rights are kept, those with anything in them
    until: float
    life: Life = field(default_factory=Life)
    roles: dict[str, Role | None] = field(default_factory=dict)  # None: it cannot be read
    bound: dict[_Who, Bound] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        return self.life.over or time.monotonic() >= self.until


@dataclass(frozen=True, slots=True)
class _Known:
    asked: Principal
    found: Principal
    tenant: _Tenant


class Granting:
    """Gives principals their rights. `changed` is called when those of any may be others."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._tenants: dict[str, _Tenant] = {}
        self._known: dict[int, _Known] = {}
        self._marks: dict[str, bytes] = {}
        self._looked: float | None = None
        self._forgotten = 0
        self.changed: Callable[[], None] = lambda: None
        self.on_change: list[Callable[[str], None]] = []
        """Called with each tenant of which something was changed that is looked for here."""

    # -- asking ------------------------------------------------------------------------

    def known(self, principal: Principal) -> Principal | None:
        """The principal with its rights, where they are known to stand."""
        found = self._known.get(id(principal))
        if found is None or found.asked is not principal or found.tenant.over:
            return None
        return found.found

    async def of(self, principal: Principal) -> Principal:
        """The principal with its rights.

        Raises:
            StoreError: what the store grants is not known, and it cannot be asked.
        """
        known = self.known(principal)
        if known is not None:
            return known
        tenant = await self._tenant(principal.tenant)
        found = policy.with_rights(principal, await self._bound(tenant, principal), tenant.life)
        if len(self._known) >= limits.PRINCIPALS_KNOWN:
            self._known.clear()
        self._known[id(principal)] = _Known(principal, found, tenant)
        return found

    async def current(self, principal: Principal) -> Principal:
        """One whose request goes on, with its rights as they are now.

        Raises:
            StoreError: they were changed, and the store cannot be asked.
        """
        if principal.rights is None or not principal.rights.life.over:
            return principal
        return await self.of(principal)

    # -- hearing of changes --------------------------------------------------------------

    def forget(self, tenant: str) -> None:
        """What was believed of the tenant's roles may not be so any more."""
        self._forgotten += 1
        for hear in self.on_change:
            hear(tenant)
        known = self._tenants.pop(tenant, None)
        if known is not None:
            known.life.over = True
            self.changed()

    async def look(self) -> None:
        """Learn whose roles were changed since the last look.

        Raises:
            StoreError: the store cannot be asked.
        """
        begun = time.monotonic()
        since = self._clock.now() - limits.RIGHTS_MARKS_SECONDS * SECOND
        marks = dict(await self._store.rights_marks(since))
        late = self._looked is not None and begun - self._looked > limits.RIGHTS_KNOWN_SECONDS
        before, self._marks, self._looked = self._marks, marks, begun
        for tenant in list(self._tenants) if late else marks:
            if late or before.get(tenant) != marks[tenant]:
                self.forget(tenant)

    async def run(self) -> None:
        """Look again and again, until it is cancelled."""
        trouble = Trouble(logger, "look for changed roles")
        while True:
            await asyncio.sleep(limits.RIGHTS_LOOK_SECONDS)
            await trouble.telling(self.look)

    # -- reading -------------------------------------------------------------------------

    async def _tenant(self, name: str) -> _Tenant:
        known = self._tenants.get(name)
        if known is not None and not known.over:
            return known
        until, forgotten = time.monotonic() + limits.RIGHTS_KNOWN_SECONDS, self._forgotten
        try:
            there = frozenset([place for place in _PLACES if await self._anything(name, place)])
        except StoreError:
            if known is None or known.life.over:
                raise
            return known  # nobody was seen to change it; that is looked at again next time
        tenant = _Tenant(there, until)
        if known is not None:
            known.life.over = True
        if forgotten != self._forgotten:  # somebody's roles were changed while these were read
            tenant.life.over = True
            return tenant
        if len(self._tenants) >= limits.RIGHTS_TENANTS:
            self._tenants.clear()
        self._tenants[name] = tenant
        return tenant

    async def _anything(self, tenant: str, place: str) -> bool:
        visible = Visibility((Pattern(place, below=False),))
        return bool(await self._store.heads(tenant, HeadQuery(visible, limit=1)))

    async def _bound(self, tenant: _Tenant, principal: Principal) -> Bound:
        own = frozenset(filter(roles.is_role_name, principal.roles - policy.BUILT_IN))
        if BINDINGS not in tenant.there and not (own and ROLES in tenant.there):
            return NOTHING_BOUND
        who = (
            principal.tenant,
            principal.subject,
            principal.client,
            principal.roles,
            principal.groups,
        )
        known = tenant.bound.get(who)
        if known is None:
            known = await self._read(tenant, principal, own)
            if len(tenant.bound) >= limits.PRINCIPALS_KNOWN:
                tenant.bound.clear()
            tenant.bound[who] = known
        return known

    async def _read(self, tenant: _Tenant, principal: Principal, own: frozenset[str]) -> Bound:
        found: list[tuple[str, str | None]] = [(role, None) for role in sorted(own)]
        gathered = _Gathered(roles.variables_of(principal))
        for bindee, binding in await self._bindings(tenant, principal):
            if binding is None:
                gathered.deny_all("", str(bindee))
            else:
                found += [(role, str(bindee)) for role in binding.roles]
        await self._learn_roles(tenant, principal.tenant, [role for role, _ in found])
        for role, by in found:
            if role in policy.BUILT_IN:
                gathered.built_in += [] if by is None else [(role, by)]
            elif role in tenant.roles:
                gathered.add(role, tenant.roles[role], by)
        return gathered.bound()

    async def _bindings(
        self, tenant: _Tenant, principal: Principal
    ) -> list[tuple[bindings.Bindee, Binding | None]]:
        """Those that bind the caller; None where one cannot be read."""
        if BINDINGS not in tenant.there:
            return []
        bindees = {each.key: each for each in bindings.bindees_of(principal)}
        states = await self._states(tenant, principal.tenant, list(bindees), bindings.KIND)
        return [
            (bindees[key], None if raw is None else _binding(bindees[key], raw))
            for key, raw in states.items()
        ]

    async def _learn_roles(self, tenant: _Tenant, name: str, wanted: list[str]) -> None:
        new = {
            roles.key_of(role): role
            for role in wanted
            if role not in tenant.roles and role not in policy.BUILT_IN
        }
        if ROLES not in tenant.there or not new:
            return
        states = await self._states(tenant, name, list(new), roles.KIND)
        for key, raw in states.items():
            tenant.roles[new[key]] = None if raw is None else _role(key, raw)

    async def _states(
        self, tenant: _Tenant, name: str, keys: list[ContextKey], kind: str
    ) -> dict[ContextKey, bytes | None]:
        """The states of those that are there; None where one is of another kind."""
        standings = await self._store.standings(name, keys)
        found: dict[ContextKey, bytes | None] = {}
        now = self._clock.now()
        for key, standing in zip(keys, standings, strict=True):
            snapshot = await self._store.snapshot(name, key) if standing is not None else None
            if snapshot is None or not snapshot.head.alive(now):
                continue
            if snapshot.head.expires_at is not None:
                left = (snapshot.head.expires_at - now) / SECOND
                tenant.until = min(tenant.until, time.monotonic() + left)
            found[key] = snapshot.state if snapshot.head.kind == kind else None
            if found[key] is None:
                _warn(key, f"it is of the kind {snapshot.head.kind}")
        return found


class _Gathered:
    """What is bound to one caller, put together within bounds."""

    def __init__(self, variables: roles.Variables) -> None:
        self._variables = variables
        self.built_in: list[tuple[str, str]] = []
        self._allowed: list[Grant] = []
        self._denied: list[Grant] = []

    def add(self, role: str, content: Role | None, by: str | None) -> None:
        if content is None or self._full():
            self.deny_all(role, by)
            return
        allowed, denied = roles.grants(role, content, by, self._variables)
        self._allowed += allowed
        self._denied += denied
        if self._full():
            logger.warning("the role %s comes to over %s permissions", role, limits.GRANTS)
            self.deny_all(role, by)

    def deny_all(self, role: str, by: str | None) -> None:
        self._denied += _denials(role, by)

    def _full(self) -> bool:
        return len(self._allowed) + len(self._denied) > limits.GRANTS

    def bound(self) -> Bound:
        return Bound(tuple(self.built_in), tuple(self._allowed), tuple(self._denied))


def _denials(role: str, by: str | None) -> Iterator[Grant]:
    return (Grant(each, role, by) for each in roles.DENIES_ALL)


def _role(key: ContextKey, raw: bytes) -> Role | None:
    try:
        return roles.read(orjson.loads(raw))
    except SchemaError as error:
        _warn(key, error.detail)
        return None


def _binding(bindee: bindings.Bindee, raw: bytes) -> Binding | None:
    try:
        return bindings.read(bindee, orjson.loads(raw))
    except SchemaError as error:
        _warn(bindee.key, error.detail)
        return None


def _warn(key: ContextKey, reason: str) -> None:
    logger.warning("%s cannot be read, and denies everything: %s", key, reason)
