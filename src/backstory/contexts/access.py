"""Authorisation, asked before anything else is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backstory.contexts import instructions
from backstory.domain import policy
from backstory.domain.commits import Append, Fork, Operation, Patch, Put, PutContent, Restore
from backstory.domain.contexts import missing
from backstory.domain.entries import INSTRUCTING_ROLES
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.kinds import PROMPT
from backstory.domain.policy import Decision, Verb, Visibility
from backstory.domain.principals import Principal
from backstory.errors import DeniedError, MissingError, ScopeError
from backstory.ports import acts
from backstory.ports.events import OK, POLICY
from backstory.ports.hooks import part
from backstory.ports.store import Store

CODES: Final = {
    Decision.ALLOWED: OK,
    Decision.NARROW: ScopeError.code,
    Decision.REFUSED: DeniedError.code,
    Decision.UNSEEN: MissingError.code,
}
"""What a decision is called in the audit trail: as the error that it leads to."""


def require(principal: Principal, verb: Verb, key: ContextKey) -> None:
    """Pass, or answer as one who may not know whether the context is there.

    Raises:
        MissingError: the principal's roles do not even let it read in the namespace.
        DeniedError: it may read, but not do this.
        ScopeError: its roles would let it, its token's scope does not.
    """
    with part(POLICY):
        _require(principal, verb, key)


def _require(principal: Principal, verb: Verb, key: ContextKey) -> None:
    decision = policy.decide(principal, verb, key.namespace)
    if decision is Decision.ALLOWED:
        acts.decided(verb, key, OK)
        return
    acts.decided(verb, key, CODES[decision])
    match decision:
        case Decision.NARROW:
            raise narrow(verb, key.namespace)
        case Decision.REFUSED:
            raise DeniedError(f"you may read {key}, but not {verb.value} it", verb=verb.value)
        case Decision.UNSEEN:
            raise missing(key)


def narrow(verb: Verb, namespace: str | None = None) -> ScopeError:
    """Says which scope a token needs for the verb."""
    scope = policy.scope_for(verb)
    where = "" if namespace is None else f" in {namespace}"
    return ScopeError(f"the token's scope does not reach: {scope} is needed{where}", scope=scope)


def visible(principal: Principal, asked: NamespacePattern | None = None) -> Visibility:
    """What may be shown to the principal of what was asked for; nothing, where it has no rights.

    Raises:
        ScopeError: its roles would show something, its token's scope nothing at all.
    """
    with part(POLICY):
        if policy.hidden_by_scope(principal, asked):
            acts.decided(Verb.READ, asked or "*", CODES[Decision.NARROW])
            raise narrow(Verb.READ)
        acts.decided(Verb.READ, asked or "*", OK)
        return policy.visibility(principal, asked)


def sees(principal: Principal, key: ContextKey) -> bool:
    """Whether it may read there."""
    return policy.allows(principal, Verb.READ, key.namespace)


def require_kinds(principal: Principal, verb: Verb, key: ContextKey) -> None:
    """`require` for the registry of kinds, which whoever may read anything may read.

    Raises:
        MissingError, DeniedError, ScopeError: as `require`.
    """
    decision = policy.decide(principal, verb, key.namespace)
    if verb is Verb.READ and decision is not Decision.NARROW and _reads(principal):
        decision = Decision.ALLOWED
    acts.decided(verb, key, CODES[decision])
    if decision is Decision.NARROW:
        raise narrow(verb, key.namespace)
    if decision is Decision.ALLOWED:
        return
    if verb is not Verb.READ and _reads(principal):
        raise DeniedError(f"you may read kinds, but not {verb.value} them", verb=verb.value)
    raise missing(key)


def visible_kinds(principal: Principal, registry: NamespacePattern) -> Visibility:
    """The registry, for whoever may read anything."""
    return Visibility((registry,) if _reads(principal) else ())


def _reads(principal: Principal) -> bool:
    return policy.anywhere(principal, Verb.READ)


async def require_instruct(
    store: Store, principal: Principal, operations: Sequence[Operation]
) -> tuple[Operation, ...]:
    """Pass where nothing that is written can instruct a model, or the principal may do so.

    The operations are those that were judged: a fork is one of the version that stood then.

    Raises:
        ScopeError: its roles would let it, its token's scope does not.
        DeniedError: it writes a system or developer entry, or a prompt, without the right to.
    """
    judged: list[Operation] = []
    for given in operations:
        namespace = given.key.namespace
        if policy.allows(principal, Verb.INSTRUCT, namespace):
            judged.append(given)
            continue
        operation = await instructions.pinned(store, principal.tenant, given)
        judged.append(operation)
        if (
            _instructs(operation)
            or await _touches_prompt(store, principal, operation)
            or await instructions.brings_along(store, principal.tenant, operation)
        ):
            narrowed = policy.decide(principal, Verb.INSTRUCT, namespace) is Decision.NARROW
            refused = Decision.NARROW if narrowed else Decision.REFUSED
            acts.decided(Verb.INSTRUCT, operation.key, CODES[refused])
            if narrowed:
                raise narrow(Verb.INSTRUCT, namespace)
            raise DeniedError(
                f"writing instructions in {namespace} (system or developer entries, prompts) "
                "needs the right to instruct",
                verb=Verb.INSTRUCT.value,
            )
    return tuple(judged)


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
    decision = policy.decide(principal, Verb.WRITE, origin.namespace)
    acts.decided(Verb.WRITE, origin, CODES[decision])
    if decision is Decision.NARROW:
        raise narrow(Verb.WRITE, origin.namespace)
    if decision is not Decision.ALLOWED:
        raise DeniedError("the entry is inherited, and you may not write where it comes from")
