"""The server itself: who calls, how it is, and what went wrong."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from backstory import limits
from backstory.ports.log_levels import Word


class Right(Struct):
    """A verb and the namespaces it holds in."""

    verb: str
    namespace: str
    reserved: bool


class Bound(Struct):
    """A role that the store binds to the caller."""

    role: str | None
    binding: str | None


class Grant(Struct):
    """A verb that a role grants or denies: `binding` brought the role, null: the token did."""

    verb: str
    namespace: str
    role: str | None
    binding: str | None


class Decision(Struct):
    """Whether the caller may do it, and what says so.

    `decision` is `allowed`, `narrow` (the token's scope does not reach), `refused` (it may read
    there), or `unseen`. `scopes` are the words of the scope that let the verb through.
    """

    verb: str
    namespace: str
    allowed: bool
    decision: Literal["allowed", "narrow", "refused", "unseen"]
    sentence: str
    granted: list[Grant]
    denied: list[Grant]
    scopes: list[str] | None


class Whoami(Struct):
    """Who calls, and what the caller may do."""

    tenant: str
    subject: str
    client: str | None
    trust: str
    roles: list[str]
    scopes: list[str] | None
    operator: bool
    expires_at: str | None
    groups: list[str]
    rights: list[Right]
    bound: list[Bound]
    denials: list[Grant]
    decision: Decision | UnsetType = UNSET


class Quota(Struct):
    """What a tenant may keep; null is not bounded."""

    contexts: int | None
    bytes: int | None


class Usage(Struct):
    """What a tenant keeps: living contexts, and the bytes that are stored for all of them."""

    contexts: int
    bytes: int
    quota: Quota


class Check(Struct):
    """How something fares that the server depends on, and how long the look at it took."""

    status: Literal["ok", "warning", "busy", "failed"]
    milliseconds: float
    breaker: Literal["closed", "open", "half_open"] | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    facts: dict[str, float] | UnsetType = UNSET


class Health(Struct):
    """How the server fares; part by part for operators."""

    status: Literal["ok", "degraded", "failed", "draining", "starting"]
    version: str | UnsetType = UNSET
    epoch: str | UnsetType = UNSET
    checks: dict[str, Check] | UnsetType = UNSET


class PutLogLevel(Struct, forbid_unknown_fields=True):
    """A level, and for how many seconds it is wanted."""

    level: Word
    seconds: Annotated[int, Meta(ge=1, le=limits.LOG_LEVEL_SECONDS)] = 3600


class LogLevel(Struct):
    """The level that is in force, what wants it, and until when."""

    level: Word
    origin: Literal["settings", "store", "file"]
    until: str | None


class Status(Struct):
    """One word for probes."""

    status: str
    detail: str | UnsetType = UNSET


class Violation(Struct):
    """One wrong place: a JSON Pointer into the body, and a sentence."""

    pointer: str
    detail: str
    rule: str | UnsetType = UNSET


class Problem(Struct):
    """An RFC 9457 problem document; `code` is stable."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    trace_id: str
    errors: list[Violation] | UnsetType = UNSET
    retry_after: int | UnsetType = UNSET
    current_version: int | UnsetType = UNSET


class InsightsScope(Struct):
    """What they are of: the newest requests of one of the `workers` of one node."""

    version: str
    process: int
    workers: int
    requests_at_most: int


class Insights(Struct):
    """What the newest requests tell. Lasting in milliseconds, times in RFC 3339."""

    scope: InsightsScope
    total: dict[str, Any]
    routes: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    slowest: list[dict[str, Any]]
    tenants: list[dict[str, Any]]
    principals: list[dict[str, Any]]
    conflicts: list[dict[str, Any]]
    over_time: dict[str, Any]
