"""Shapes of the audit trail."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType, field

from backstory.transports.rest.schemas.words import Moment


class AuditName(Struct):
    """A keyed hash, and what it stands for; null once that was erased."""

    hash: str
    name: str | None


class AuditEvent(Struct):
    """One event. `do` is `write` where the change log tells of it; `out` is `ok` or a code.

    `store` is the name of a store that is routed to, whose trail it is of; `seq` counts in a trail.
    """

    seq: int
    at: Moment
    do: str
    out: str
    on: list[AuditName]
    by: AuditName | UnsetType = UNSET
    client: AuditName | UnsetType = UNSET
    store: str | UnsetType = UNSET
    from_: AuditName | UnsetType = field(default=UNSET, name="from")
    verb: str | UnsetType = UNSET
    op: str | UnsetType = UNSET
    parts: list[str] | UnsetType = UNSET
    version: int | UnsetType = UNSET
    seqs: list[tuple[int, int]] | UnsetType = UNSET
    commit: str | UnsetType = UNSET
    times: int | UnsetType = UNSET
    until: Moment | UnsetType = UNSET
    before: int | UnsetType = UNSET
    erasure: int | UnsetType = UNSET
    token: str | UnsetType = UNSET


class AuditEvents(Struct):
    """A page of events."""

    items: list[AuditEvent]
    next: str | None
