"""The server itself: who calls, how it is, and what went wrong."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType


class Right(Struct):
    """A verb and the namespaces it holds in."""

    verb: str
    namespace: str
    reserved: bool


class Whoami(Struct):
    """Who calls, and what the caller may do."""

    tenant: str
    subject: str
    client: str | None
    trust: str
    roles: list[str]
    scopes: list[str] | None
    rights: list[Right]


class Check(Struct):
    """How something fares that the server depends on, and how long the look at it took."""

    status: Literal["ok", "busy", "failed"]
    milliseconds: float
    breaker: Literal["closed", "open", "half_open"] | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    code: str | UnsetType = UNSET


class Health(Struct):
    """How the server fares, part by part."""

    status: Literal["ok", "degraded", "failed", "draining", "starting"]
    version: str
    epoch: str
    checks: dict[str, Check]


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
