"""Where the audit trail is kept, and who is asked to write in it.

The trail of a tenant is one chain of blocks, whichever node adds the next: a block is added
only behind the one that it names. What the change log tells of is taken from there, so that it
costs a write nothing and no acknowledged write can be missing; whatever else has to outlive the
end of the process is first kept as an act, in its own transaction, and sealed with the next block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from backstory.domain.audit import Block, Name, Tip, Written
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Principal

NOBODY = ""
"""The tenant in whose trail it stands when it is not known whose the caller is."""


class UnsealedError(Exception):
    """Changes that were to be forgotten are not in the trail yet; seal, and try again."""


@dataclass(frozen=True, slots=True)
class Addition:
    """What is added at once. `acts` are the kept ones that are in the block now."""

    block: Block
    tip: Tip
    names: Sequence[Name] = ()
    acts: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """What names stand for; those that were erased are not there."""

    hashes: Mapping[bytes, str] = field(default_factory=dict)
    contexts: Mapping[int, str] = field(default_factory=dict)
    authors: Mapping[int, str] = field(default_factory=dict)


class Audits(Protocol):
    """A store's part in it."""

    async def audit_tip(self, tenant: str) -> Tip | None:
        """Where the trail ends; None where it has not begun."""
        ...

    async def audit_written(self, tenant: str, after: int, limit: int) -> Sequence[Written]:
        """What the change log has behind a position, in order."""
        ...

    async def audit_acts(self, tenant: str, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """Acts that were kept and are not sealed yet, the oldest first: id and event as JSON."""
        ...

    async def keep_act(self, tenant: str, at: int, event: bytes) -> None:
        """Keep an event until it is sealed; returns once it is durable."""
        ...

    async def add_audit(self, tenant: str, before: Tip | None, addition: Addition) -> bool:
        """Add a block behind `before`; False, and nothing is done, where the trail has gone on.

        A name of a context that was purged is not kept.
        """
        ...

    async def audit_blocks(self, tenant: str, seq: int, limit: int) -> Sequence[Block]:
        """Blocks in order, from the one on that has the event `seq`."""
        ...

    async def audit_blocks_down(self, tenant: str, seq: int, limit: int) -> Sequence[Block]:
        """Blocks from the newest back, from the one on that has the event `seq`."""
        ...

    async def drop_audit(
        self, tenant: str, tip: Tip, upto: int, checkpoint: bytes, before_day: int
    ) -> bool:
        """Drop the blocks up to a number, and names that were last seen before a day.

        False, and nothing is done, where somebody else dropped some meanwhile.
        """
        ...

    async def resolve_audit(
        self, tenant: str, hashes: Sequence[bytes], contexts: Sequence[int], authors: Sequence[int]
    ) -> Resolved:
        """What keyed hashes and the numbers of contexts and authors stand for."""
        ...

    async def audit_histories(self, tenant: str, contexts: Sequence[int]) -> Mapping[int, int]:
        """From which version on the change log has each of these contexts."""
        ...

    async def erase_audit_names(self, tenant: str, namespace: str) -> None:
        """Forget what hashes stand for, of names in a namespace and below and of whose it is."""
        ...

    async def unsealed(self, limit: int) -> Sequence[str]:
        """Tenants whose change log or kept acts go on behind what is sealed."""
        ...

    async def audited(self, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Names of tenants that have a trail, in order, behind `after`."""
        ...


@dataclass(frozen=True, slots=True)
class Apart:
    """The trail of a store that keeps some namespaces apart, and the secret it is signed with."""

    audits: Audits
    secret: bytes


class Auditing(Protocol):
    """Who writes the trail."""

    def act(
        self, principal: Principal, do: str, key: ContextKey, /, **more: object
    ) -> tuple[int, bytes]:
        """When it was done and the event, to be kept in the transaction of what it tells of."""
        ...

    async def record(self, principal: Principal, do: str, on: str, /, **more: object) -> None:
        """Keep that something was done to what has been erased: its name is not told any more.

        Raises:
            StoreError: it cannot be written.
        """
        ...

    async def seal(self, tenant: str, namespace: str | None = None) -> None:
        """Have all that was written and told for the tenant until now in the trail.

        With a namespace, what is about that namespace is enough.

        Raises:
            StoreError: it cannot be written.
        """
        ...
