"""Which changes one subscriber hears of, and what it is told.

An interest belongs to one principal: changes in namespaces that it may not read are never
looked at. Subscribed contexts are known by id as well, so that a purge, whose change has no
name any more, is heard too. What is told is only that something changed; a reader reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from mcp.shared.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)

from backstory import limits
from backstory.contexts.service import Contexts
from backstory.contexts.watching import Listener
from backstory.domain import policy
from backstory.domain.changes import Change, Op, Part
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.kinds import PROMPT
from backstory.domain.principals import Principal
from backstory.errors import MissingError, StoreUnavailableError, TooLargeError
from backstory.transports.mcp.uris import Address, PartName

Notice = ResourceUpdated | ResourcesListChanged | PromptsListChanged | ToolsListChanged
RESOURCES: Final = ResourcesListChanged()
PROMPTS: Final = PromptsListChanged()
TOOLS: Final = ToolsListChanged()

_ENTRIES: Final = Part.ENTRIES | Part.REDACTED | Part.CHAIN
_LISTING: Final = frozenset({Op.CREATED, Op.DELETED, Op.EXPIRED, Op.PURGED})


@dataclass(frozen=True, slots=True)
class Followed:
    """An extension's resource, and the namespaces it depends on, if any."""

    pattern: NamespacePattern | None


class Offered(Protocol):
    """What extensions offer to whom, and what it depends on."""

    @property
    def tools_follow(self) -> Sequence[NamespacePattern]: ...

    @property
    def prompts_follow(self) -> Sequence[NamespacePattern]: ...

    @property
    def resources_follow(self) -> Sequence[NamespacePattern]: ...

    async def followed(self, uri: str, principal: Principal) -> Followed | None:
        """The resource that the URI names, where the principal may read it."""
        ...


@dataclass(slots=True)
class Interest:
    """What one subscriber wants to hear of."""

    principal: Principal
    resources: bool = False
    prompts: bool = False
    tools: bool = False
    offered: Offered | None = None
    _uris: dict[str, Address | None] = field(default_factory=dict)  # None: an extension's
    _followed: dict[str, NamespacePattern] = field(default_factory=dict)
    _names: dict[bytes, ContextKey] = field(default_factory=dict)

    @property
    def uris(self) -> list[str]:
        return list(self._uris)

    async def add(self, contexts: Contexts, uris: Iterable[str]) -> None:
        """Subscribe to the URIs that name something in a namespace that can be read.

        A context that is not there yet may be subscribed to. The others are left out.

        Raises:
            TooLargeError: over `limits.SUBSCRIPTION_URIS`.
        """
        for uri in uris:
            found = await self._subscribable(uri)
            if found is None or uri in self._uris:
                continue
            if len(self._uris) >= limits.SUBSCRIPTION_URIS:
                raise too_many()
            if isinstance(found, Address):
                self._uris[uri] = found
                await self._learn(contexts, found.key)
            else:
                self._uris[uri] = None
                self._followed |= {} if found.pattern is None else {uri: found.pattern}

    def keep(self, uris: Iterable[str]) -> None:
        """Forget all other URIs."""
        kept = set(uris)
        self._uris = {uri: address for uri, address in self._uris.items() if uri in kept}
        self._followed = {uri: each for uri, each in self._followed.items() if uri in kept}
        keys = {address.key for address in self._uris.values() if address is not None}
        self._names = {id_: key for id_, key in self._names.items() if key in keys}

    async def _subscribable(self, uri: str) -> Address | Followed | None:
        if self.offered is not None:
            followed = await self.offered.followed(uri, self.principal)
            if followed is not None:
                return followed
        try:
            address = Address.parse(uri)
        except MissingError:
            return None
        return address if self._readable(address.key) else None

    def _readable(self, key: ContextKey) -> bool:
        return policy.allows(self.principal, policy.Verb.READ, key.namespace)

    async def _learn(self, contexts: Contexts, key: ContextKey) -> None:
        snapshot = await contexts.store.snapshot(self.principal.tenant, key)
        if snapshot is not None:
            self._names[snapshot.head.id] = key

    async def goes_on(self, contexts: Contexts) -> bool:
        """See with the principal's rights as they are now; whether any are left.

        Where they were changed and the store cannot say to what, there are none.
        """
        try:
            current = await contexts.standing.current(self.principal)
        except StoreUnavailableError:
            return False
        if current is self.principal:
            return True
        self.principal = current
        return policy.anywhere(current, policy.Verb.READ)

    def sees(self, change: Change) -> bool:
        """Whether the change may be known to the principal at all."""
        if change.key is not None:
            return self._readable(change.key)
        everything = policy.visibility(self.principal).everything
        return everything or change.context_id in self._names

    def wants(self, change: Change) -> bool:
        """Whether the change leads to a notice."""
        return self.sees(change) and any(True for _ in self._notices(change))

    def notices(self, changes: Iterable[Change] | None) -> list[Notice]:
        """What the changes come to, each notice once; all there could be, where some were lost."""
        if changes is None:
            return self._everything()
        found: dict[Notice, None] = {}
        for change in changes:
            if self.sees(change):
                found.update(dict.fromkeys(self._notices(change)))
        return list(found)

    def _everything(self) -> list[Notice]:
        found: list[Notice] = [RESOURCES] if self.resources else []
        found += [PROMPTS] if self.prompts else []
        found += [TOOLS] if self.tools else []
        return found + [ResourceUpdated(uri) for uri in self._uris]

    def _notices(self, change: Change) -> Iterator[Notice]:
        if self.resources and change.op in _LISTING:
            yield RESOURCES
        if self.prompts and (change.kind == PROMPT or change.op is Op.PURGED):
            yield PROMPTS
        key = change.key or self._names.get(change.context_id)
        if key is None:
            return
        if self.offered is not None:
            yield from self._notices_of_extensions(self.offered, key.namespace)
        parts = {"state"} | self._parts_of(change)
        for uri, address in self._uris_of(key):
            self._names[change.context_id] = key
            if address.part in parts:
                yield ResourceUpdated(uri)

    def _notices_of_extensions(self, offered: Offered, namespace: str) -> Iterator[Notice]:
        lists = (
            (self.tools, offered.tools_follow, TOOLS),
            (self.prompts, offered.prompts_follow, PROMPTS),
            (self.resources, offered.resources_follow, RESOURCES),
        )
        for wanted, patterns, notice in lists:
            if wanted and any(pattern.matches(namespace) for pattern in patterns):
                yield notice
        for uri, pattern in self._followed.items():
            if pattern.matches(namespace):
                yield ResourceUpdated(uri)

    def _uris_of(self, key: ContextKey) -> Iterator[tuple[str, Address]]:
        for address in (Address(key), Address(key, "entries"), Address(key, "content")):
            if str(address) in self._uris:
                yield str(address), address

    @staticmethod
    def _parts_of(change: Change) -> set[PartName]:
        """The parts that it touches beside the context itself."""
        if change.op in _LISTING:
            return {"entries", "content"}
        touched: set[PartName] = {"entries"} if change.parts & _ENTRIES else set()
        return touched | {"content"} if change.parts & Part.CONTENT else touched


def too_many() -> TooLargeError:
    """The bound on subscriptions is reached."""
    return TooLargeError(
        f"at most {limits.SUBSCRIPTION_URIS} resources can be subscribed to at once",
        limit="SUBSCRIPTION_URIS",
    )


def take(listener: Listener) -> list[Change] | None:
    """The changes heard; None where some were lost."""
    lost, listener.overflowed = listener.overflowed, False
    changes = listener.take()
    return None if lost else changes
