"""The registry of kinds: each is a context in a reserved namespace, written by registering."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from backstory.contexts import access
from backstory.contexts.ruling import Ruled
from backstory.contexts.views import View
from backstory.contexts.writing import Intent, Retry, Writer
from backstory.domain import conditions as checking
from backstory.domain import kinds
from backstory.domain.commits import Conditions, Outcome, Put
from backstory.domain.contexts import Head, Snapshot
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.kinds import KIND, NAMESPACE, Packaged, context_of
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.domain.ruling import Unruled
from backstory.domain.sealing import Seal
from backstory.errors import GoneError, MissingError, SchemaError, Violation
from backstory.ports.rules import Rules
from backstory.ports.store import HeadQuery, Store

CURSOR: Final = "kinds cursor"

_ENTRY_SCHEMA: Final = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
        "role": {"type": "string"},
        "type": {"type": "string"},
        "content": {"type": ["string", "array"]},
        "metadata": {"type": "object"},
    },
}
_NO_SCHEMA: Final[View] = {
    "schema_version": 0,
    "schema": {"type": "object"},
    "entry_schema": _ENTRY_SCHEMA,
    "compatibility": "none",
    "migrations": {},
}


@dataclass(frozen=True, slots=True)
class KindReading:
    """A kind: its context where it is registered, else what an extension says of it, if any.

    With neither it is built in and has no schema.
    """

    kind: str
    snapshot: Snapshot | None = None
    packaged: Packaged | None = None

    @property
    def version(self) -> int | None:
        """That of its context, None where it is not registered."""
        return None if self.snapshot is None else self.snapshot.head.version

    @property
    def state(self) -> bytes | None:
        """What tells the kind's schemas, wherever they come from."""
        if self.snapshot is not None:
            return self.snapshot.state
        return self.packaged.state if self.packaged is not None else None

    @property
    def built_in(self) -> bool:
        return self.kind in kinds.BUILT_IN


@dataclass(frozen=True, slots=True)
class KindItem:
    """A kind in a list: the version of its context and of its schema, 0 where there is none."""

    kind: str
    version: int
    schema_version: int
    packaged: Packaged | None


@dataclass(frozen=True, slots=True)
class KindsPage:
    """Kinds by name; `next` None at the end."""

    items: tuple[KindItem, ...]
    next: str | None

    def views(self) -> list[View]:
        """Them as callers see them, without their schemas."""
        return [
            {
                "kind": item.kind,
                "built_in": item.kind in kinds.BUILT_IN,
                "extension": _extension(item.packaged),
                "version": item.version,
                "schema_version": item.schema_version,
            }
            for item in self.items
        ]


class Kinds:
    """Reads and registers kinds for those who may."""

    def __init__(self, store: Store, writer: Writer, seal: Seal, rules: Rules) -> None:
        self._store = store
        self._writer = writer
        self._seal = seal
        self._rules = rules

    async def register(
        self,
        principal: Principal,
        kind: str,
        body: Callable[[], Any],
        conditions: Conditions,
        retry: Retry | None = None,
    ) -> Outcome:
        """Give the kind a schema, or another one; the outcome is that of its context.

        The first registration of a packaged kind goes on from what the package says.

        Raises:
            UnknownKindError, SchemaError: it is no kind that may be registered.
            MissingError, DeniedError: the principal may not.
            BackstoryError: what `body`, `Rules.register` and `Writer.write` raise.
        """
        key = context_of(kind)
        if kind in kinds.OWN:
            detail = f"the kind {kind} is the server's own"
            raise SchemaError(detail, errors=(Violation("/kind", detail),))

        async def prepare(attempt: int, at: int) -> Ruled:
            del attempt, at
            snapshot = await self._standing(principal.tenant, key)
            head = snapshot.head if snapshot else None
            checking.check(conditions, key, head)
            standing = KindReading(kind, snapshot, self._rules.packaged.get(kind)).state
            state = await asyncio.to_thread(self._rules.register, standing, body())
            rule = Unruled(KIND, self._rules.version(state))
            put = Put(key, KIND, state, head.labels if head else (), None, conditions, rule=rule)
            return Ruled((put,), ((kind, head.tag if head else None),))

        access.require_kinds(principal, Verb.WRITE, key)
        return await self._writer.write_prepared(
            principal, [Intent(Verb.WRITE, key)], prepare, retry
        )

    async def registered(self, principal: Principal, kind: str, version: int) -> KindReading:
        """What the principal has just registered, for which no right to read is needed.

        Raises:
            GoneError: it is no longer kept.
        """
        view = await self._store.view(principal.tenant, context_of(kind), version)
        if view is None:
            raise GoneError("what was registered is gone since")
        return KindReading(kind, view.snapshot)

    async def read(self, principal: Principal, kind: str) -> KindReading:
        """What a kind demands now.

        Raises:
            MissingError: there is no such kind, or the principal may not know of it.
        """
        try:
            key = context_of(kind)
        except SchemaError as error:
            raise MissingError(f"there is no such kind; {error.detail}") from error
        access.require_kinds(principal, Verb.READ, key)
        snapshot = await self._standing(principal.tenant, key)
        packaged = self._rules.packaged.get(kind) if snapshot is None else None
        if snapshot is None and packaged is None and kind not in kinds.BUILT_IN:
            raise MissingError(kinds.unknown(kind).detail)
        return KindReading(kind, snapshot, packaged)

    def view(self, reading: KindReading) -> View:
        """A kind as callers see it; one without a schema admits any object."""
        state = reading.state
        return {
            "kind": reading.kind,
            "built_in": reading.built_in,
            "extension": _extension(reading.packaged),
            "version": reading.version or 0,
            **(_NO_SCHEMA if state is None else self._rules.described(state)),
        }

    async def list(self, principal: Principal, cursor: str | None, limit: int) -> KindsPage:
        """Built-in, registered and packaged kinds, in order of their names.

        Raises:
            InvalidCursorError: the cursor is not this caller's.
        """
        scope = (CURSOR, principal.tenant, principal.subject)
        after = "" if cursor is None else str(self._seal.open_members(*scope, cursor, 1)[0])
        visible = access.visible_kinds(principal, NamespacePattern(NAMESPACE, below=False))
        query = HeadQuery(visible, after=ContextKey(NAMESPACE, after), limit=limit + 1)
        heads = {head.key.name: head for head in await self._store.heads(principal.tenant, query)}
        others = kinds.BUILT_IN | self._rules.packaged.keys()
        names = heapq.nsmallest(limit + 1, heads.keys() | {kind for kind in others if kind > after})
        items = tuple(self._item(name, heads.get(name)) for name in names[:limit])
        following = self._seal.close(*scope, (items[-1].kind,)) if len(names) > limit else None
        return KindsPage(items, following)

    def _item(self, kind: str, head: Head | None) -> KindItem:
        if head is not None:
            return KindItem(kind, head.version, head.schema_version, None)
        packaged = self._rules.packaged.get(kind)
        version = 0 if packaged is None else self._rules.version(packaged.state)
        return KindItem(kind, 0, version, packaged)

    async def require(self, principal: Principal, kind: str | None) -> None:
        """Nothing, where there is such a kind, or None.

        Raises:
            UnknownKindError: there is not.
        """
        if kind is None or kind in kinds.OWN | kinds.BUILT_IN | self._rules.packaged.keys():
            return
        if await self._standing(principal.tenant, context_of(kind)) is None:
            raise kinds.unknown(kind)

    async def _standing(self, tenant: str, key: ContextKey) -> Snapshot | None:
        snapshot = await self._store.snapshot(tenant, key)
        return None if snapshot is None or snapshot.head.deleted else snapshot


def _extension(packaged: Packaged | None) -> View | None:
    """The package that says what the kind demands, where no registration does."""
    if packaged is None:
        return None
    return {"package": packaged.package, "version": packaged.package_version}
