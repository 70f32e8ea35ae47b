"""Authorisation, asked before anything else is looked at."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.domain import policy
from backstory.domain.commits import Append, Fork, Operation, Patch, Put, PutContent, Restore
from backstory.domain.contexts import missing
from backstory.domain.entries import INSTRUCTING_ROLES
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import PROMPT
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.errors import DeniedError
from backstory.ports.store import Store


def require(principal: Principal, verb: Verb, key: ContextKey) -> None:
    """Pass, or answer as one who may not know whether the context is there.

    Raises:
        MissingError: the principal may not even read in the namespace.
        DeniedError: it may read, but not do this.
    """
    if policy.allows(principal, verb, key.namespace):
        return
    if verb is not Verb.READ and policy.allows(principal, Verb.READ, key.namespace):
        raise DeniedError(f"you may read {key}, but not {verb.value} it", verb=verb.value)
    raise missing(key)


async def require_instruct(
    store: Store, principal: Principal, operations: Sequence[Operation]
) -> None:
    """Pass where nothing that is written can instruct a model, or the principal may do so.

    Raises:
        DeniedError: it writes a system or developer entry, or a prompt, without the right to.
    """
    for operation in operations:
        namespace = operation.key.namespace
        if policy.allows(principal, Verb.INSTRUCT, namespace):
            continue
        if _instructs(operation) or await _touches_prompt(store, principal, operation):
            raise DeniedError(
                f"writing instructions in {namespace} (system or developer entries, prompts) "
                "needs the right to instruct",
                verb=Verb.INSTRUCT.value,
            )


def _instructs(operation: Operation) -> bool:
    match operation:
        case Append():
            return any(entry.role in INSTRUCTING_ROLES for entry in operation.entries)
        case Put():
            return operation.kind == PROMPT
        case _:
            return False


async def _touches_prompt(store: Store, principal: Principal, operation: Operation) -> bool:
    match operation:
        case Put() | Patch() | Append() | Restore() | PutContent():
            key = operation.key
        case Fork():
            key = operation.source
        case _:
            return False
    snapshot = await store.snapshot(principal.tenant, key)
    return snapshot is not None and snapshot.head.kind == PROMPT


def require_origin(principal: Principal, origin: ContextKey) -> None:
    """Pass where an inherited entry may be redacted in the context it comes from.

    Raises:
        DeniedError: the principal may not write there.
    """
    if not policy.allows(principal, Verb.WRITE, origin.namespace):
        raise DeniedError("the entry is inherited, and you may not write where it comes from")
