"""Whether a commit may go on, given the version that stands."""

from __future__ import annotations

from backstory.domain.commits import Conditions
from backstory.domain.contexts import Head
from backstory.domain.keys import ContextKey
from backstory.errors import PreconditionError, VersionConflictError


def check(conditions: Conditions, key: ContextKey, head: Head | None) -> None:
    """Pass, or say which version stands; `head` is None where no context lives.

    Raises:
        VersionConflictError: a condition of the body does not hold.
        PreconditionError: a condition of a header does not hold.
    """
    version = head.version if head else 0
    state_version = head.state_version if head else 0
    for name, wanted, current in (
        ("if_version", conditions.if_version, version),
        ("if_state_version", conditions.if_state_version, state_version),
    ):
        if wanted is not None and wanted != current:
            raise VersionConflictError(
                f"{key} is at {name[3:]} {current}, not {wanted}; read it and try again",
                context=str(key),
                current=version,
                current_state_version=state_version,
            )
    if not _headers_hold(conditions, version):
        stands = f"is at version {version}" if version else "does not exist"
        raise PreconditionError(f"{key} {stands}", context=str(key), current=version)


def _headers_hold(conditions: Conditions, version: int) -> bool:
    match, none_match = conditions.match, conditions.none_match
    if match is not None and not (version if match == "*" else version in match):
        return False
    return none_match is None or not (version if none_match == "*" else version in none_match)
