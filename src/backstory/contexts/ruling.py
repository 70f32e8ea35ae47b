"""What is written, brought under the rules of its kind before a commit is made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar

from msgspec import Struct, structs

from backstory import limits
from backstory.contexts.beliefs import Beliefs, Ruling
from backstory.domain import kinds, permissions, quotas
from backstory.domain.commits import Append, Delete, Fork, Operation, Patch, Purge, Put
from backstory.domain.contexts import EMPTY_STATE, Tag
from backstory.domain.keys import ContextKey
from backstory.domain.patches import JsonPatch, MergePatch
from backstory.domain.principals import Author
from backstory.domain.ruling import (
    Foreseen,
    KindRule,
    KindTag,
    RuledState,
    Standing,
    Unruled,
    add_counts,
    patched,
)
from backstory.errors import BackstoryError, DeniedError
from backstory.ports.rules import Rules
from backstory.ports.store import Store

T = TypeVar("T")


class Ruled(Struct, frozen=True):
    """Operations as they are to be committed, the kinds that ruled them, and what was masked."""

    operations: tuple[Operation, ...]
    kinds: tuple[KindTag, ...] = ()
    counts: Mapping[str, int] = {}
    author: Author | None = None
    """Who writes, where it is not the caller."""


_WRITTEN_BY: Final = {
    kinds.NAMESPACE: "PUT /v1/kinds/{kind}",
    permissions.ROLES: "PUT /v1/roles/{role}",
    permissions.BINDINGS: "PUT /v1/bindings/{family}/{name}",
    quotas.NAMESPACE: "operators with `backstory quota`",
}
"""Contexts that say what holds for others have calls of their own, which look at them."""


class Ruler:
    """Knows where the rules of a tenant's kinds are, and believes what it saw of them last."""

    def __init__(self, store: Store, rules: Rules) -> None:
        self._store = store
        self._rules = rules
        self.beliefs = Beliefs()

    async def rule_of(
        self, tenant: str, kind: str, namespace: str, pointer: str = "/kind"
    ) -> Ruling:
        """The rule in force now, and the tag that it is in force by.

        Raises:
            UnknownKindError: the kind is neither built in, registered nor packaged.
        """
        snapshot = await self._store.snapshot(tenant, kinds.context_of(kind))
        if snapshot is None or snapshot.head.deleted:
            if kind not in kinds.BUILT_IN and kind not in self._rules.packaged:
                raise kinds.unknown(kind, pointer)
            tag = None
        else:
            tag = snapshot.head.tag
        rule = self._rules.find(tenant, kind, namespace, tag)
        while rule is None:  # two may learn at once, of two versions
            assert snapshot is not None
            assert tag is not None
            await asyncio.to_thread(self._rules.learn, tenant, kind, tag, snapshot.state)
            rule = self._rules.find(tenant, kind, namespace, tag)
        self.beliefs.learn_rule(tenant, kind, namespace, (rule, tag))
        return rule, tag

    async def rule(
        self, tenant: str, operations: Sequence[Operation], now: int, attempt: int = 0
    ) -> Ruled:
        """The operations under the rules of their kinds.

        The first attempt is made on beliefs, which the store checks; what they would refuse is
        looked at again under the rules as they stand.

        Restores, forks and redactions are as they were: what they bring back was ruled before.

        Raises:
            DeniedError: one is on a context that says what a kind demands.
            UnknownKindError: a new context would have a kind that there is not.
            SchemaError, TooLargeError: something cannot be kept.
        """
        for operation in operations:
            _refuse_reserved(operation)
        if attempt == 0:
            draft = _Draft(self, self._store, tenant, now, attempt, believing=True)
            try:
                return await draft.all(operations)
            except BackstoryError:
                if not draft.believed:
                    raise
        return await _Draft(self, self._store, tenant, now, attempt).all(operations)


def _refuse_reserved(operation: Operation) -> None:
    keys = [operation.key, *([operation.source] if isinstance(operation, Fork) else [])]
    for key in keys:
        if key.namespace in _WRITTEN_BY:
            by = _WRITTEN_BY[key.namespace]
            raise DeniedError(f"contexts in {key.namespace} are written by {by} alone")


_ABSENT: Final = Unruled("", 0)
"""Stands for the rule of a context that is not there: no context has this kind."""


class _Place(Struct):
    """A context as the operations so far leave it; `kind` None: it is not there."""

    kind: str | None
    standing: Standing | None = None


class _Draft(Struct):
    """One commit's operations, ruled one after the other."""

    ruler: Ruler
    store: Store
    tenant: str
    now: int
    attempt: int
    believing: bool = False
    believed: bool = False
    weight: int = 0
    kinds: dict[str, Tag | None] = {}
    counts: dict[str, int] = {}
    places: dict[ContextKey, _Place] = {}
    rules: dict[tuple[str, str], KindRule] = {}

    async def all(self, operations: Sequence[Operation]) -> Ruled:
        done = tuple([await self._ruled(operation) for operation in operations])
        return Ruled(done, tuple(self.kinds.items()), self.counts)

    async def _ruled(self, operation: Operation) -> Operation:
        match operation:
            case Put():
                return await self._put(operation)
            case Patch():
                return await self._patch(operation)
            case Append():
                return await self._append(operation)
            case Delete() | Purge():
                self.places[operation.key] = _Place(None)
            case _:
                self.places.pop(operation.key, None)
        return operation

    async def _put(self, put: Put) -> Put:
        place = self._believed_place(put.key) or await self._place(put.key)
        if place.kind is None and put.kind is not None:
            place.kind = put.kind
        if put.kind is not None and put.kind != place.kind:
            await self._rule(put.key, put.kind, f"{put.place}/kind")
            return structs.replace(put, rule=_ABSENT)  # planning says what stands against it
        if place.kind is None:
            return structs.replace(put, rule=_ABSENT)
        rule = await self._rule(put.key, place.kind, f"{put.place}/kind")
        work = partial(rule.state, put.state, f"{put.place}/state")
        done = await self._run(work, len(put.state))
        add_counts(self.counts, done.counts)
        place.standing = Standing(done.state, rule.version)
        return structs.replace(put, state=done.state, rule=rule)

    async def _append(self, append: Append) -> Append:
        place = self._believed_place(append.key) or await self._place(append.key)
        if place.kind is None:
            return structs.replace(append, rule=_ABSENT)
        rule = await self._rule(append.key, place.kind)
        work = partial(rule.entries, append.entries, f"{append.place}/entries")
        done = await self._run(work, sum(entry.size for entry in append.entries))
        add_counts(self.counts, done.counts)
        return structs.replace(append, entries=done.entries, rule=rule)

    async def _patch(self, patch: Patch) -> Patch:
        place = await self._place(patch.key)
        if place.kind is None:
            return structs.replace(patch, rule=_ABSENT)
        rule = await self._rule(patch.key, place.kind)
        rule = rule.here()  # which rules where it is committed
        standing, place.standing = place.standing, None
        last = self.attempt + 1 >= limits.RULED_ATTEMPTS
        if standing is None or not (self.attempt or _is_large(len(standing.state))):
            return structs.replace(patch, rule=rule, anyway=last)
        pointer = f"{patch.place}/state"
        foreseen = await asyncio.to_thread(_foresee, rule, patch.patch, standing, pointer)
        if isinstance(foreseen.after, RuledState):
            changed = foreseen.after.state != standing.state
            version = rule.version if changed else standing.version
            place.standing = Standing(foreseen.after.state, version)
        return structs.replace(patch, rule=rule, foreseen=foreseen, anyway=last)

    async def _run(self, work: Callable[[], T], size: int) -> T:
        """What the work comes to; what is large, or much in all, leaves the event loop."""
        self.weight += size
        return await asyncio.to_thread(work) if _is_large(self.weight) else work()

    def _believed_place(self, key: ContextKey) -> _Place | None:
        """Where only the kind matters and it is believed to be known."""
        kind = self.ruler.beliefs.kind(self.tenant, key) if self.believing else None
        if kind is None or key in self.places:
            return None
        self.believed = True
        place = self.places[key] = _Place(kind)
        return place

    async def _place(self, key: ContextKey) -> _Place:
        place = self.places.get(key)
        if place is None:
            snapshot = await self.store.snapshot(self.tenant, key)
            if snapshot is None or not snapshot.head.alive(self.now):
                place = _Place(None, Standing(EMPTY_STATE, 0))
            else:
                head = snapshot.head
                place = _Place(head.kind, Standing(snapshot.state, head.schema_version))
                self.ruler.beliefs.learn_kind(self.tenant, key, head.kind)
            self.places[key] = place
        return place

    async def _rule(self, key: ContextKey, kind: str, pointer: str = "/kind") -> KindRule:
        known = self.rules.get((kind, key.namespace))
        if known is not None:
            return known
        ruling = self._believed_rule(kind, key.namespace)
        if ruling is None:
            ruling = await self.ruler.rule_of(self.tenant, kind, key.namespace, pointer)
        rule, tag = ruling
        self.rules[kind, key.namespace] = rule
        if self.kinds.setdefault(kind, tag) != tag:  # registered anew between two operations
            self.kinds[kind] = None
        return rule

    def _believed_rule(self, kind: str, namespace: str) -> Ruling | None:
        ruling = self.ruler.beliefs.rule(self.tenant, kind, namespace) if self.believing else None
        self.believed |= ruling is not None
        return ruling


def _foresee(
    rule: KindRule, patch: JsonPatch | MergePatch, standing: Standing, pointer: str
) -> Foreseen:
    try:
        return Foreseen(standing, patched(rule, patch, standing, pointer))
    except BackstoryError as error:
        return Foreseen(standing, error)


def _is_large(size: int) -> bool:
    return size > limits.RULED_INLINE_BYTES
