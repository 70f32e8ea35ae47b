"""Why somebody may do something: the decision that a server would take, told part by part."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import click

from backstory.config import Settings
from backstory.domain import explaining, policy
from backstory.domain.keys import ContextKey, check_namespace
from backstory.domain.permissions import Verb
from backstory.domain.principals import Principal
from backstory.wiring import open_contexts


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked about, as a token would name it, and what it would do where."""

    principal: Principal
    verb: Verb | None
    namespace: str | None


def asked(flags: dict[str, Any]) -> Asked | None:
    """What the flags say, which are taken out; None where nobody is asked about.

    Raises:
        InvalidKeyError: the namespace or the context is none.
    """
    subject, tenant, client = flags.pop("subject"), flags.pop("tenant"), flags.pop("client")
    roles, groups, scope = flags.pop("roles"), flags.pop("groups"), flags.pop("scope")
    verb, namespace, context = flags.pop("verb"), flags.pop("namespace"), flags.pop("context")
    if subject is None:
        if roles or groups or any(each is not None for each in (client, scope, verb)):
            raise click.UsageError("--role, --group, --client, --scope and --verb go with --as")
        return None
    if namespace is not None and context is not None:
        raise click.UsageError("--namespace and --context exclude each other")
    if context is not None:
        namespace = ContextKey.parse(context).namespace
    if (verb is None) != (namespace is None):
        raise click.UsageError("--verb goes with --namespace or --context")
    principal = Principal(
        tenant,
        subject,
        frozenset(roles),
        scopes=None if scope is None else frozenset(scope.split()),
        client=client,
        groups=frozenset(groups),
    )
    where = None if namespace is None else check_namespace(namespace)
    return Asked(principal, None if verb is None else Verb(verb), where)


def tell(settings: Settings, wanted: Asked, *, as_json: bool) -> bool:
    """Print what it may do, or whether it may and why; False where it may not."""
    principal = asyncio.run(_resolved(settings, wanted.principal))
    if wanted.verb is None or wanted.namespace is None:
        _tell_rights(principal, as_json=as_json)
        return True
    found = explaining.explain(principal, wanted.verb, wanted.namespace)
    view = found.view()
    if as_json:
        click.echo(json.dumps(view, indent=2))
    else:
        click.echo(f"{principal.subject} {found.sentence}")
    return bool(view["allowed"])


async def _resolved(settings: Settings, principal: Principal) -> Principal:
    async with open_contexts(settings, sweep=False) as contexts:
        return await contexts.granting.of(principal)


def _tell_rights(principal: Principal, *, as_json: bool) -> None:
    rights = principal.rights
    assert rights is not None
    granted, denied = explaining.views(rights.held), explaining.views(rights.denied)
    if as_json:
        left = [{"verb": p.verb.value, "namespace": str(p.pattern)} for p in rights.allowed]
        view = {"granted": granted, "denied": denied, "rights": left}
        click.echo(json.dumps(view, indent=2))
        return
    for word, grants in (("may", granted), ("may not", denied)):
        for each in grants:
            by = f"bound to {each['binding']}" if each["binding"] else "of the token"
            role = each["role"] or "what cannot be read"
            click.echo(f"{word} {each['verb']} in {each['namespace']}: {role}, {by}")
    if principal.scopes is not None:
        kept = {f"{p.verb.value} in {p.pattern}" for p in policy.permissions(principal)}
        click.echo(f"the scope leaves: {', '.join(sorted(kept)) or 'nothing'}")
