"""What a kind promises about its schema's versions, and whether a new one keeps it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from backstory import limits
from backstory.errors import IncompatibleError, Violation
from backstory.processing.schemas import narrowing, nesting
from backstory.processing.schemas.comparing import Comparison

_RULES: Final = narrowing.RULES + nesting.RULES
_NEW: Final = "the new schema"
_OLD: Final = "the standing schema"


class Compatibility(StrEnum):
    """What must hold between one version of a schema and the next."""

    BACKWARD = "backward"
    """The new schema admits all that the standing one admits: what is kept can be read."""
    FORWARD = "forward"
    """The standing schema admits all that the new one admits: older readers go on."""
    FULL = "full"
    """Both."""
    NONE = "none"
    """Nothing; what is kept may fail with its next write."""


def breaks(old: dict[str, Any], new: dict[str, Any], mode: Compatibility) -> tuple[Violation, ...]:
    """What breaks the promise, or cannot be judged.

    `pointer` is a place in the new schema, `rule` the one in the standing schema. May take
    long for large schemas that differ much (some seconds at the bounds); callers keep it off
    the event loop.
    """
    found: list[Violation] = []
    if mode in {Compatibility.BACKWARD, Compatibility.FULL}:
        found += Comparison(new, old, (_NEW, _OLD), _RULES).breaks()
    if mode in {Compatibility.FORWARD, Compatibility.FULL}:
        turned = Comparison(old, new, (_OLD, _NEW), _RULES).breaks()
        found += [Violation(v.rule or "", v.detail, v.pointer) for v in turned]
    return tuple(dict.fromkeys(found))[: limits.VIOLATIONS]


def require(
    old: dict[str, Any] | None,
    new: dict[str, Any] | None,
    mode: Compatibility,
    pointer: str = "/schema",
) -> None:
    """Nothing, where the promise is kept. No schema admits everything.

    Raises:
        IncompatibleError: it is not; `errors` names each breaking change.
    """
    found = breaks(old or {}, new or {}, mode)
    if found:
        placed = tuple(Violation(pointer + v.pointer, v.detail, v.rule) for v in found)
        raise IncompatibleError(
            f"{placed[0].pointer or 'the schema'}: {placed[0].detail} (compatibility is {mode}; "
            "'none' gives the promise up)",
            errors=placed,
            compatibility=str(mode),
        )
