"""Namespaces and names that begin with what was typed, among what the caller may read."""

from __future__ import annotations

from collections.abc import Callable

from backstory import limits
from backstory.contexts import listing
from backstory.contexts.listing import Filter
from backstory.contexts.service import Contexts
from backstory.domain.contexts import Head
from backstory.domain.keys import ContextKey, NamespacePattern, check_namespace
from backstory.domain.principals import Principal
from backstory.errors import InvalidKeyError

_HIGHEST = "\x7f"  # behind every character of a name


async def namespaces(contexts: Contexts, principal: Principal, typed: str) -> list[str]:
    """Each namespace by its first context; names in between are skipped."""
    found: list[str] = []
    after = ContextKey(typed, "")
    while len(found) <= limits.COMPLETIONS:
        heads = await _heads(contexts, principal, Filter(), after, 1)
        if not heads or not heads[0].key.namespace.startswith(typed):
            break
        found.append(heads[0].key.namespace)
        after = ContextKey(heads[0].key.namespace, _HIGHEST)
    return found


async def names(contexts: Contexts, principal: Principal, namespace: str, typed: str) -> list[str]:
    """Names in one namespace."""
    try:
        pattern = NamespacePattern(check_namespace(namespace), below=False)
    except InvalidKeyError:
        return []
    after = ContextKey(namespace, _before(typed))
    heads = await _heads(contexts, principal, Filter(pattern), after, limits.COMPLETIONS + 1)
    return _beginning(heads, typed, lambda head: head.key.name)


async def whole(
    contexts: Contexts, principal: Principal, typed: str, kind: str | None
) -> list[str]:
    """Contexts as namespace/name, of one kind or of any."""
    namespace, slash, name = typed.partition("/")
    after = ContextKey(namespace, _before(name) if slash else "")
    wanted = Filter(kind=kind)
    heads = await _heads(contexts, principal, wanted, after, limits.COMPLETIONS + 1)
    return _beginning(heads, typed, lambda head: str(head.key))


async def _heads(
    contexts: Contexts, principal: Principal, wanted: Filter, after: ContextKey, limit: int
) -> tuple[Head, ...]:
    cursor = contexts.seal.close(
        listing.CURSOR, principal.tenant, principal.subject, (after.namespace, after.name)
    )
    return (await contexts.lister.heads(principal, wanted, cursor, limit)).items


def _before(typed: str) -> str:
    """The last name before all that begin with what was typed."""
    if not typed or not typed.isascii() or typed[-1] == "\x00":
        return ""
    return typed[:-1] + chr(ord(typed[-1]) - 1) + _HIGHEST


def _beginning(heads: tuple[Head, ...], typed: str, spelled: Callable[[Head], str]) -> list[str]:
    """Those that begin so: they stand together, so the first other one is the end."""
    found: list[str] = []
    for head in heads:
        text = spelled(head)
        if not text.startswith(typed):
            break
        found.append(text)
    return found
