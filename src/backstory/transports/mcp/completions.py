"""Completion of namespaces and names, among what the caller may read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp_types import CompleteRequestParams, PromptReference, ResourceTemplateReference

from backstory import limits
from backstory.contexts import listing
from backstory.contexts.listing import Filter
from backstory.domain.contexts import Head
from backstory.domain.keys import ContextKey, NamespacePattern, check_namespace
from backstory.domain.principals import Principal
from backstory.errors import InvalidKeyError, MissingError
from backstory.transports.mcp import answers, failures, stored_prompts
from backstory.transports.mcp.callers import RequestContext, Served
from backstory.transports.mcp.prompts import BUILT_IN
from backstory.transports.mcp.uris import CONTENT_TEMPLATE, ENTRIES_TEMPLATE, TEMPLATE

_HIGHEST = "\x7f"  # behind every character of a name


class Completions:
    """Handler for `completion/complete`."""

    def __init__(self, served: Served) -> None:
        self._served = served

    async def complete(self, ctx: RequestContext, params: CompleteRequestParams) -> dict[str, Any]:
        """Values that begin with what was typed."""
        principal = self._served.principal(ctx)
        typed = params.argument.value
        if isinstance(params.ref, ResourceTemplateReference):
            if params.ref.uri not in (TEMPLATE, ENTRIES_TEMPLATE, CONTENT_TEMPLATE):
                raise failures.invalid("no such resource template", uri=params.ref.uri[:200])
            given = (params.context.arguments if params.context else None) or {}
            values = await self._of_template(principal, params.argument.name, typed, given)
        else:
            values = await self._of_prompt(principal, params.ref, params.argument.name, typed)
        fitting = answers.pack(values, answers.room({})).count
        shown = values[: min(fitting, limits.COMPLETIONS)]
        return {"completion": {"values": shown, "hasMore": len(values) > len(shown)}}

    async def _of_template(
        self, principal: Principal, argument: str, typed: str, given: dict[str, str]
    ) -> list[str]:
        if argument == "namespace":
            return await self._namespaces(principal, typed)
        if argument == "name":
            namespace = given.get("namespace")
            return await self._names(principal, namespace, typed) if namespace else []
        raise failures.invalid("the arguments are namespace and name")

    async def _of_prompt(
        self, principal: Principal, ref: PromptReference, argument: str, typed: str
    ) -> list[str]:
        built_in = BUILT_IN.get(ref.name)
        if built_in is None:
            return await self._of_stored(principal, ref.name, argument, typed)
        if argument not in built_in.arguments:
            return []
        return await self._contexts(principal, typed, built_in.arguments[argument][1])

    async def _of_stored(
        self, principal: Principal, name: str, argument: str, typed: str
    ) -> list[str]:
        try:
            snapshot = await self._served.contexts.reader.snapshot(
                principal, ContextKey.parse(name)
            )
        except (InvalidKeyError, MissingError):
            return []
        return stored_prompts.completed(snapshot.state, argument, typed)

    async def _namespaces(self, principal: Principal, typed: str) -> list[str]:
        """Each namespace by its first context; names in between are skipped."""
        found: list[str] = []
        after = ContextKey(typed, "")
        while len(found) <= limits.COMPLETIONS:
            heads = await self._heads(principal, Filter(), after, 1)
            if not heads or not heads[0].key.namespace.startswith(typed):
                break
            found.append(heads[0].key.namespace)
            after = ContextKey(heads[0].key.namespace, _HIGHEST)
        return found

    async def _names(self, principal: Principal, namespace: str, typed: str) -> list[str]:
        try:
            pattern = NamespacePattern(check_namespace(namespace), below=False)
        except InvalidKeyError:
            return []
        after = ContextKey(namespace, _before(typed))
        heads = await self._heads(principal, Filter(pattern), after, limits.COMPLETIONS + 1)
        return _beginning(heads, typed, lambda head: head.key.name)

    async def _contexts(self, principal: Principal, typed: str, kind: str | None) -> list[str]:
        namespace, slash, name = typed.partition("/")
        after = ContextKey(namespace, _before(name) if slash else "")
        heads = await self._heads(principal, Filter(kind=kind), after, limits.COMPLETIONS + 1)
        return _beginning(heads, typed, lambda head: str(head.key))

    async def _heads(
        self, principal: Principal, wanted: Filter, after: ContextKey, limit: int
    ) -> tuple[Head, ...]:
        contexts = self._served.contexts
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
