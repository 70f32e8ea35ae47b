"""What was done as an event of the trail: keyed hashes in the place of all names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from backstory.domain.audit import Name
from backstory.domain.principals import segment_of
from backstory.domain.sealing import Seal
from backstory.ports.events import Acted

CONTEXT: Final = "context"
NAMESPACE: Final = "namespace"
SUBJECT: Final = "subject"
CLIENT: Final = "client"
ADDRESS: Final = "address"
_PURPOSE: Final = {CONTEXT: "name"}
_NAMES: Final = "names"
"""Member of an event that is not sealed yet; the names are taken out of it then."""


class Teller:
    """Makes events of one store."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def names(self, acted: Acted) -> Iterator[Name]:
        """All names in it, each with its hash."""
        for text in acted.on:
            namespace, slash, _ = text.partition("/")
            kind = CONTEXT if slash else NAMESPACE
            yield self._name(acted.tenant, kind, namespace.removesuffix(".*"), text)
        if acted.subject:
            own = "clients" if acted.subject == acted.client else "users"
            home = f"{own}.{segment_of(acted.subject)}"
            yield self._name(acted.tenant, SUBJECT, home, acted.subject)
        if acted.client and acted.client != acted.subject:
            home = f"clients.{segment_of(acted.client)}"
            yield self._name(acted.tenant, CLIENT, home, acted.client)
        if acted.address:
            yield self._name(acted.tenant, ADDRESS, "", acted.address)

    def _name(self, tenant: str, kind: str, namespace: str, text: str) -> Name:
        purpose = _PURPOSE.get(kind, kind)
        return Name(self.hash(tenant, purpose, text), kind, namespace, text)

    def hash(self, tenant: str, purpose: str, text: str) -> bytes:
        return self._seal.hash(purpose, tenant.encode(), text.encode(errors="replace"))

    def event(
        self, acted: Acted, names: list[Name], times: tuple[int, int, int], **more: object
    ) -> dict[str, Any]:
        """The event; `times` are when it was first and last, and how often."""
        first, last, count = times
        event: dict[str, Any] = {"at": first, "do": acted.do}
        if acted.verb:
            event["verb"] = acted.verb
        event["out"] = acted.out
        event["on"] = [name.hash.hex() for name in names if name.kind in (CONTEXT, NAMESPACE)]
        members = {SUBJECT: "by", CLIENT: "client", ADDRESS: "from"}
        event |= {members[name.kind]: name.hash.hex() for name in names if name.kind in members}
        if count > 1:
            event |= {"times": count, "until": last}
        return event | more


def with_names(event: dict[str, Any], names: list[Name]) -> dict[str, Any]:
    """An event that has to wait until it is sealed."""
    told = [(name.hash.hex(), name.kind, name.namespace, name.text) for name in names]
    return event | {_NAMES: told}


def without_names(event: dict[str, Any]) -> tuple[dict[str, Any], list[Name]]:
    """The event as it is sealed, and its names."""
    told = event.pop(_NAMES, [])
    return event, [Name(bytes.fromhex(hash_), *rest) for hash_, *rest in told]
