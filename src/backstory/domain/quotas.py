"""How much a tenant may keep, and how much it keeps.

Counted are the contexts that live outside of reserved namespaces, and the bytes that the store keeps for them: states as they
stand, what is kept of past ones, entries with their metadata, and chunks of content, each as it
is stored. A write that adds to what is over its quota is refused, by what it would add as it
was sent; what takes away is never refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

from backstory import limits
from backstory.domain.contexts import EMPTY_STATE, Snapshot
from backstory.domain.effects import Effect
from backstory.domain.keys import ContextKey
from backstory.domain.roles import members_of, raise_all
from backstory.errors import QuotaBytesError, QuotaContextsError, Violation

NAMESPACE: Final = "_system.quotas"
KEY: Final = ContextKey(NAMESPACE, "limits")
"""The context of a tenant that says what it may keep; written by `backstory quota` alone."""


class Usage(Struct, frozen=True):
    """What a tenant keeps, or what a write adds to that."""

    contexts: int = 0
    bytes: int = 0


class Quota(Struct, frozen=True):
    """What a tenant may keep; None bounds nothing. `elsewhere` is what other stores keep of it."""

    contexts: int | None = None
    bytes: int | None = None
    elsewhere: Usage = Usage()

    def view(self) -> dict[str, int | None]:
        """It as callers see it, and as it is kept."""
        return {"contexts": self.contexts, "bytes": self.bytes}


UNBOUNDED: Final = Quota()


def require(quota: Quota, used: Usage, more: Usage) -> None:
    """Nothing, where there is room for more.

    Raises:
        QuotaContextsError, QuotaBytesError: there is none.
    """
    elsewhere = quota.elsewhere
    used = Usage(used.contexts + elsewhere.contexts, used.bytes + elsewhere.bytes)
    if quota.contexts is not None and more.contexts > 0:
        there = used.contexts + more.contexts
        if there > quota.contexts:
            raise QuotaContextsError(
                f"the tenant keeps {used.contexts:,} of {quota.contexts:,} contexts; delete some, or "
                "have an operator raise the quota",
                retry_after=limits.QUOTA_RETRY_SECONDS,
                quota=quota.contexts,
                used=used.contexts,
            )
    if quota.bytes is not None and more.bytes > 0 and used.bytes + more.bytes > quota.bytes:
        raise QuotaBytesError(
            f"the tenant keeps {used.bytes:,} of {quota.bytes:,} bytes, and {more.bytes:,} more do not "
            "fit; purge contexts or forget old versions, or have an operator raise the quota",
            retry_after=limits.QUOTA_RETRY_SECONDS,
            quota=quota.bytes,
            used=used.bytes,
        )


def read(value: Any) -> Quota:
    """The quota that a JSON value spells.

    Raises:
        SchemaError: it is none.
    """
    wrong: list[Violation] = []
    members = members_of(value, ("contexts", "bytes"), wrong)
    for name in ("contexts", "bytes"):
        given = members.get(name)
        whole = isinstance(given, int) and not isinstance(given, bool)
        if given is not None and not (whole and 0 <= given <= limits.QUOTA_MAX):
            wrong.append(Violation(f"/{name}", f"must be null or 0 to {limits.QUOTA_MAX}"))
    raise_all(wrong)
    return Quota(members.get("contexts"), members.get("bytes"))


def lives(snapshot: Snapshot | None) -> bool:
    """Whether the context counts: it lives, though its time may be over, under a name of theirs."""
    return snapshot is not None and not (snapshot.head.deleted or snapshot.head.key.reserved)


def state_bytes(snapshot: Snapshot | None) -> int:
    """The bytes of the state that is kept; an empty one has none."""
    return 0 if snapshot is None or snapshot.state == EMPTY_STATE else len(snapshot.state)


def added(effects: Iterable[Effect]) -> Usage:
    """What is added outside of reserved namespaces, which managing a tenant may always write."""
    contexts, size = 0, 0
    for effect in effects:
        if effect.after.head.key.reserved:
            continue
        contexts += lives(effect.after) - lives(effect.before)
        size += state_bytes(effect.after) - state_bytes(effect.before)
        size += sum(entry.size for entry in effect.appended)
    return Usage(contexts, size)
