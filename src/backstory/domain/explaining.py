"""Why a principal may do something, or may not: the same parts that decide, told one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from backstory.domain import policy
from backstory.domain.permissions import NOTHING_BOUND, Grant, Rights, Verb
from backstory.domain.policy import Decision
from backstory.domain.principals import Principal


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with what led to it.

    `granted` and `denied` are those that speak of this verb in this namespace; `scopes` the words
    of the token's scope that let the verb through there, None where it has no scope.
    """

    verb: Verb
    namespace: str
    decision: Decision
    granted: tuple[Grant, ...]
    denied: tuple[Grant, ...]
    scopes: tuple[str, ...] | None

    @property
    def sentence(self) -> str:
        """The same for people."""
        what = f"{self.verb.value} in {self.namespace}"
        if self.decision is Decision.ALLOWED:
            by = _all(self.granted)
            scope = f", and the scope {self.scopes[0]} lets it through" if self.scopes else ""
            return f"may {what}: granted by {by}{scope}"
        if self.denied:
            return f"may not {what}: denied by {_all(self.denied)}"
        if self.decision is Decision.NARROW:
            needed = policy.scope_for(self.verb)
            return (
                f"may not {what}: granted by {_all(self.granted)}, but the token's scope does not "
                f"reach; {needed} would"
            )
        return f"may not {what}: no role grants it"

    def view(self) -> dict[str, Any]:
        """It as callers see it."""
        return {
            "verb": self.verb.value,
            "namespace": self.namespace,
            "allowed": self.decision is Decision.ALLOWED,
            "decision": self.decision.name.lower(),
            "sentence": self.sentence,
            "granted": views(self.granted),
            "denied": views(self.denied),
            "scopes": None if self.scopes is None else list(self.scopes),
        }


def explain(principal: Principal, verb: Verb, namespace: str) -> Explanation:
    """What `policy.decide` says, and why."""
    rights = _rights(principal)
    granted = [each for each in rights.held if each.permission.covers(verb, namespace)]
    denied = [each for each in rights.denied if each.permission.covers(verb, namespace)]
    if not rights.denies(verb, namespace):
        denied = []  # what an admin cannot lose is not lost
    scopes = None
    if principal.scopes is not None:
        scopes = tuple(policy.letting_through(principal.scopes, verb, namespace))
    return Explanation(
        verb,
        namespace,
        policy.decide(principal, verb, namespace),
        tuple(dict.fromkeys(granted)),
        tuple(dict.fromkeys(denied)),
        scopes,
    )


def views(grants: Iterable[Grant]) -> list[dict[str, Any]]:
    """Grants as callers see them; `role` is null where a binding itself cannot be read."""
    return [
        {
            "verb": each.permission.verb.value,
            "namespace": str(each.permission.pattern),
            "role": each.role or None,
            "binding": each.binding,
        }
        for each in grants
    ]


def bound(principal: Principal) -> list[dict[str, Any]]:
    """The roles that the store binds to the principal, each with its binding."""
    if principal.rights is None:
        return []
    found = principal.rights.bound
    pairs = [*found.roles, *((each.role, each.binding) for each in (*found.allowed, *found.denied))]
    return [{"role": role or None, "binding": by} for role, by in dict.fromkeys(pairs)]


def _rights(principal: Principal) -> Rights:
    if principal.rights is not None:
        return principal.rights
    found = policy.with_rights(principal, NOTHING_BOUND).rights
    assert found is not None
    return found


def _all(grants: Iterable[Grant]) -> str:
    return " and ".join(dict.fromkeys(map(_one, grants)))


def _one(grant: Grant) -> str:
    permission = grant.permission
    role = f"the role {grant.role}" if grant.role else "what cannot be read"
    by = f"bound to {grant.binding}" if grant.binding else "in the token"
    return f"{role} {by} ({permission.verb.value} on {permission.pattern})"
