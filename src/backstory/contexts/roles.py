"""Roles and bindings of a tenant: each is a context in a reserved namespace, managed by admins."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from backstory.contexts import access
from backstory.contexts.granting import Granting
from backstory.contexts.ruling import Ruled
from backstory.contexts.views import View
from backstory.contexts.writing import Intent, Retry, Writer
from backstory.domain import bindings, policy, roles
from backstory.domain import conditions as checking
from backstory.domain.bindings import Bindee, Binding
from backstory.domain.commits import ALWAYS, Conditions, Delete, Operation, Outcome, Put
from backstory.domain.contexts import Snapshot, missing
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.permissions import BINDINGS, ROLES, Verb
from backstory.domain.principals import Principal
from backstory.domain.roles import Role
from backstory.domain.ruling import Unruled
from backstory.domain.sealing import Seal
from backstory.errors import DeniedError, LockOutError, MissingError, SchemaError, Violation
from backstory.ports.store import HeadQuery, Store

ROLES_CURSOR: Final = "roles cursor"
BINDINGS_CURSOR: Final = "bindings cursor"
_VERSION: Final = 1  # of what the states of roles and bindings look like


@dataclass(frozen=True, slots=True)
class Kept:
    """A role or a binding as it stands; `version` is that of its context, 0 of one built in."""

    view: View
    version: int


@dataclass(frozen=True, slots=True)
class KeptPage:
    """Some of them, in order; `next` None at the end."""

    items: tuple[Kept, ...]
    next: str | None


class Roles:
    """Reads and changes roles and bindings for those who may."""

    def __init__(self, store: Store, writer: Writer, seal: Seal, granting: Granting) -> None:
        self._store = store
        self._writer = writer
        self._seal = seal
        self._granting = granting

    # -- roles -------------------------------------------------------------------------

    async def role(self, principal: Principal, name: str) -> Kept:
        """A role of the tenant's own, or one that is built in.

        Raises:
            MissingError: there is no such role, or the principal may not know of it.
        """
        key = _role_key(name)
        access.require(principal, Verb.READ, key)
        if name in policy.BUILT_IN:
            return Kept(_built_in(name), 0)
        snapshot = await self._standing(principal.tenant, key)
        if snapshot is None:
            raise MissingError(f"there is no role {name}")
        return _role_kept(snapshot)

    async def put_role(
        self,
        principal: Principal,
        name: str,
        body: Any,
        conditions: Conditions,
        retry: Retry | None = None,
    ) -> Outcome:
        """Make a role, or another one of it.

        Raises:
            SchemaError: it is no role.
            BackstoryError: what `Writer.write_prepared` raises.
        """
        _not_built_in(principal, name)
        key = roles.key_of(name)

        async def make() -> list[Operation]:
            state = orjson.dumps(roles.read(body).view())
            return [_put(key, roles.KIND, state, conditions)]

        return await self._write(principal, key, make, conditions, retry)

    async def delete_role(
        self, principal: Principal, name: str, conditions: Conditions, retry: Retry | None = None
    ) -> Outcome:
        """Take a role away: whoever is bound to it has nothing of it any more."""
        _not_built_in(principal, name)
        key = _role_key(name)

        async def make() -> list[Operation]:
            return [Delete(key, conditions)]

        return await self._write(principal, key, make, conditions, retry)

    async def list_roles(self, principal: Principal, cursor: str | None, limit: int) -> KeptPage:
        """Those of the tenant and those that are built in, in order of their names.

        Raises:
            InvalidCursorError: the cursor is not this caller's.
        """
        after = self._after(principal, ROLES_CURSOR, cursor)
        own = {key.name: key for key in await self._keys(principal, ROLES, after, limit)}
        sees = access.sees(principal, ContextKey(ROLES, "any"))
        built_in = {each for each in policy.BUILT_IN if sees and each > after}
        names = heapq.nsmallest(limit + 1, own.keys() | built_in)
        items = []
        for name in names[:limit]:
            if name in policy.BUILT_IN:
                items.append(Kept(_built_in(name), 0))
            elif (snapshot := await self._standing(principal.tenant, own[name])) is not None:
                items.append(_role_kept(snapshot))
        return self._page(principal, ROLES_CURSOR, items, names, limit)

    # -- bindings ----------------------------------------------------------------------

    async def binding(self, principal: Principal, family: str, name: str) -> Kept:
        """The roles that are bound to somebody.

        Raises:
            MissingError: there are none, or the principal may not know of them.
        """
        bindee = _bindee(family, name)
        access.require(principal, Verb.READ, bindee.key)
        snapshot = await self._standing(principal.tenant, bindee.key)
        if snapshot is None:
            raise MissingError(f"nothing is bound to {bindee}")
        return _binding_kept(snapshot)

    async def put_binding(
        self,
        principal: Principal,
        bindee: Bindee,
        body: Any,
        conditions: Conditions,
        retry: Retry | None = None,
    ) -> Outcome:
        """Bind roles to somebody, in place of those bound before.

        Raises:
            SchemaError: it is no binding, or of a role that there is not.
            LockOutError: the caller would lose the right to do this.
        """

        async def make() -> list[Operation]:
            binding = bindings.read(bindee, body)
            await self._require_roles(principal.tenant, binding)
            mine = await self._keep_admin(principal, bindee.key, binding.roles)
            state = orjson.dumps(binding.view())
            return [_put(bindee.key, bindings.KIND, state, conditions), *mine]

        return await self._write(principal, bindee.key, make, conditions, retry)

    async def delete_binding(
        self,
        principal: Principal,
        family: str,
        name: str,
        conditions: Conditions,
        retry: Retry | None = None,
    ) -> Outcome:
        """Take away what is bound to somebody.

        Raises:
            LockOutError: the caller would lose the right to do this.
        """
        key = _bindee(family, name).key

        async def make() -> list[Operation]:
            return [Delete(key, conditions), *await self._keep_admin(principal, key, ())]

        return await self._write(principal, key, make, conditions, retry)

    async def list_bindings(self, principal: Principal, cursor: str | None, limit: int) -> KeptPage:
        """All of them, in order of the names of their contexts.

        Raises:
            InvalidCursorError: the cursor is not this caller's.
        """
        after = self._after(principal, BINDINGS_CURSOR, cursor)
        keys = await self._keys(principal, BINDINGS, after, limit)
        found = [await self._standing(principal.tenant, key) for key in keys[:limit]]
        items = [_binding_kept(each) for each in found if each is not None]
        return self._page(principal, BINDINGS_CURSOR, items, [key.name for key in keys], limit)

    # -- who is an admin stays one -----------------------------------------------------

    async def _keep_admin(
        self, principal: Principal, key: ContextKey, after: Sequence[str]
    ) -> list[Operation]:
        """What has to be committed along, so that whoever does this goes on being an admin.

        Who is an admin by its token is one whatever is bound. Any other must have a binding left
        that says so, and that still stands when the change is made: of two who take each other's
        rights away at once, one comes too late.
        """
        if principal.rights is None or policy.ADMIN in principal.roles:
            return []
        if key not in {each.key for each in bindings.bindees_of(principal)}:
            return await self._own_admin(principal, key)
        if policy.ADMIN in after:
            return []
        return await self._own_admin(principal, key)

    async def _own_admin(self, principal: Principal, but: ContextKey) -> list[Operation]:
        for bindee in bindings.bindees_of(principal):
            if bindee.key == but:
                continue
            snapshot = await self._standing(principal.tenant, bindee.key)
            if snapshot is not None and policy.ADMIN in _roles_of(bindee, snapshot):
                head = snapshot.head
                stands = Conditions(if_version=head.version)
                return [_put(bindee.key, bindings.KIND, snapshot.state, stands)]
        raise LockOutError(
            "you would lose the role admin, and with it the right to manage roles; have another "
            "admin do it, or one whose token says that it is one"
        )

    async def _require_roles(self, tenant: str, binding: Binding) -> None:
        for place, role in enumerate(binding.roles):
            if role in policy.BUILT_IN:
                continue
            if await self._standing(tenant, roles.key_of(role)) is None:
                detail = f"there is no role {role}; put it first"
                raise SchemaError(detail, errors=(Violation(f"/roles/{place}", detail),))

    # -- how ---------------------------------------------------------------------------

    async def _write(
        self,
        principal: Principal,
        key: ContextKey,
        make: Callable[[], Any],
        conditions: Conditions,
        retry: Retry | None,
    ) -> Outcome:
        async def prepare(attempt: int, at: int) -> Ruled:
            del attempt, at
            snapshot = await self._standing(principal.tenant, key)
            checking.check(conditions, key, snapshot.head if snapshot else None)
            return Ruled(tuple(await make()))

        outcome = await self._writer.write_prepared(
            principal, [Intent(Verb.ADMIN, key)], prepare, retry
        )
        self._granting.forget(principal.tenant)
        return outcome

    async def written(self, principal: Principal, key: ContextKey, version: int) -> Kept:
        """What the principal has just written.

        Raises:
            MissingError: it is gone since.
        """
        view = await self._store.view(principal.tenant, key, version)
        if view is None:
            raise missing(key)
        kept = _role_kept if key.namespace == ROLES else _binding_kept
        return kept(view.snapshot)

    async def _standing(self, tenant: str, key: ContextKey) -> Snapshot | None:
        snapshot = await self._store.snapshot(tenant, key)
        return None if snapshot is None or snapshot.head.deleted else snapshot

    async def _keys(
        self, principal: Principal, place: str, after: str, limit: int
    ) -> list[ContextKey]:
        visible = access.visible(principal, NamespacePattern(place, below=False))
        query = HeadQuery(visible, after=ContextKey(place, after), limit=limit + 1)
        return [head.key for head in await self._store.heads(principal.tenant, query)]

    def _after(self, principal: Principal, purpose: str, cursor: str | None) -> str:
        if cursor is None:
            return ""
        scope = (purpose, principal.tenant, principal.subject)
        return str(self._seal.open_members(*scope, cursor, 1)[0])

    def _page(
        self, principal: Principal, purpose: str, items: list[Kept], names: list[str], limit: int
    ) -> KeptPage:
        following = None
        if len(names) > limit:
            last = (names[limit - 1],)
            following = self._seal.close(purpose, principal.tenant, principal.subject, last)
        return KeptPage(tuple(items), following)


def _put(key: ContextKey, kind: str, state: bytes, conditions: Conditions = ALWAYS) -> Put:
    return Put(key, kind, state, (), None, conditions, rule=Unruled(kind, _VERSION))


def _role_key(name: str) -> ContextKey:
    try:
        return roles.key_of(name)
    except SchemaError as error:
        raise MissingError(f"there is no such role; {error.detail}") from error


def _bindee(family: str, name: str) -> Bindee:
    try:
        return bindings.bindee(family, name)
    except SchemaError as error:
        raise MissingError(f"there is no such binding; {error.detail}") from error


def _not_built_in(principal: Principal, name: str) -> None:
    if name in policy.BUILT_IN:
        access.require(principal, Verb.ADMIN, ContextKey(ROLES, name))
        raise DeniedError(f"the role {name} is built in; make one of another name")


def _roles_of(bindee: Bindee, snapshot: Snapshot) -> tuple[str, ...]:
    try:
        return bindings.read(bindee, orjson.loads(snapshot.state)).roles
    except SchemaError:
        return ()


def _role_kept(snapshot: Snapshot) -> Kept:
    head = snapshot.head
    try:
        content = roles.read(orjson.loads(snapshot.state)) if head.kind == roles.KIND else None
    except SchemaError:
        content = None
    readable = {"readable": content is not None}
    view = {"role": head.key.name, "built_in": False, "version": head.version} | readable
    return Kept(view | (content or Role()).view(), head.version)


def _binding_kept(snapshot: Snapshot) -> Kept:
    head, value = snapshot.head, orjson.loads(snapshot.state)
    family, _, segment = head.key.name.partition(".")
    try:
        bindee = bindings.bindee(str(value.get("family")), str(value.get("name")))
        whole = head.kind == bindings.KIND and bindee.key == head.key
        content = bindings.read(bindee, value) if whole else None
    except SchemaError:
        content = None
    view = {"family": family, "name": segment, "roles": []} if content is None else content.view()
    more = {"version": head.version, "readable": content is not None}
    return Kept(view | more, head.version)


_ABOUT: Final = {
    policy.ADMIN: "everything, reserved namespaces included",
    "editor": "read and write everywhere; reserved namespaces are only read",
    "reader": "read everywhere",
    policy.MEMBER: "everything at home: users.{sub}.*, of a machine clients.{client_id}.*",
}


def _built_in(name: str) -> View:
    content = Role(description=_ABOUT[name]).view()
    return {"role": name, "built_in": True, "version": 0, "readable": True} | content
