"""Which changes one subscriber hears of, and what it is told.

An interest belongs to one principal: changes in namespaces that it may not read are never
looked at. Subscribed contexts are known by id as well, so that a purge, whose change has no
name any more, is heard too. What is told is only that something changed; a reader reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from mcp.shared.subscriptions import PromptsListChanged, ResourcesListChanged, ResourceUpdated

from backstory import limits
from backstory.contexts.service import Contexts
from backstory.contexts.watching import Listener
from backstory.domain import policy
from backstory.domain.changes import Change, Op, Part
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import PROMPT
from backstory.domain.principals import Principal
from backstory.errors import MissingError, TooLargeError
from backstory.transports.mcp.uris import Address, PartName

Notice = ResourceUpdated | ResourcesListChanged | PromptsListChanged
RESOURCES: Final = ResourcesListChanged()
PROMPTS: Final = PromptsListChanged()

_ENTRIES: Final = Part.ENTRIES | Part.REDACTED | Part.CHAIN
_LISTING: Final = frozenset({Op.CREATED, Op.DELETED, Op.EXPIRED, Op.PURGED})


@dataclass(slots=True)
class Interest:
    """What one subscriber wants to hear of."""

    principal: Principal
    resources: bool = False
    prompts: bool = False
    _uris: dict[str, Address] = field(default_factory=dict)
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
            address = self._address(uri)
            if address is None or uri in self._uris:
                continue
            if len(self._uris) >= limits.SUBSCRIPTION_URIS:
                raise too_many()
            self._uris[uri] = address
            await self._learn(contexts, address.key)

    def keep(self, uris: Iterable[str]) -> None:
        """Forget all other URIs."""
        kept = set(uris)
        self._uris = {uri: address for uri, address in self._uris.items() if uri in kept}
        keys = {address.key for address in self._uris.values()}
        self._names = {id_: key for id_, key in self._names.items() if key in keys}

    def _address(self, uri: str) -> Address | None:
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
        return found + [ResourceUpdated(uri) for uri in self._uris]

    def _notices(self, change: Change) -> Iterator[Notice]:
        if self.resources and change.op in _LISTING:
            yield RESOURCES
        if self.prompts and (change.kind == PROMPT or change.op is Op.PURGED):
            yield PROMPTS
        key = change.key or self._names.get(change.context_id)
        if key is None:
            return
        parts = {"state"} | self._parts_of(change)
        for uri, address in self._uris_of(key):
            self._names[change.context_id] = key
            if address.part in parts:
                yield ResourceUpdated(uri)

    def _uris_of(self, key: ContextKey) -> Iterator[tuple[str, Address]]:
        addresses = (Address(key), Address(key, "entries"), Address(key, "content"))
        for uri in map(str, addresses):
            if (address := self._uris.get(uri)) is not None:
                yield uri, address

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
