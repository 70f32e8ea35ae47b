"""Completion of what a template or a prompt takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_types import CompleteRequestParams, PromptReference, ResourceTemplateReference

from backstory import limits
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Principal
from backstory.errors import InvalidKeyError, MissingError
from backstory.transports.mcp import answers, failures, names, stored_prompts
from backstory.transports.mcp.callers import RequestContext
from backstory.transports.mcp.calling import Calling
from backstory.transports.mcp.extending import Call, Complete
from backstory.transports.mcp.uris import CONTENT_TEMPLATE, ENTRIES_TEMPLATE, TEMPLATE


class Completions:
    """Handler for `completion/complete`."""

    def __init__(self, calling: Calling) -> None:
        self._calling = calling
        self._contexts = calling.served.contexts

    async def complete(self, ctx: RequestContext, params: CompleteRequestParams) -> dict[str, Any]:
        """Values that begin with what was typed."""
        given = (params.context.arguments if params.context else None) or {}
        call = self._calling.call(ctx, given)
        typed = params.argument.value
        if isinstance(params.ref, ResourceTemplateReference):
            values = await self._of_template(call, params.ref.uri, params.argument.name, typed)
        else:
            values = await self._of_prompt(call, params.ref, params.argument.name, typed)
        fitting = answers.pack(values, answers.room({})).count
        shown = list(values[: min(fitting, limits.COMPLETIONS)])
        return {"completion": {"values": shown, "hasMore": len(values) > len(shown)}}

    async def _of_template(self, call: Call, uri: str, argument: str, typed: str) -> Sequence[str]:
        if uri in (TEMPLATE, ENTRIES_TEMPLATE, CONTENT_TEMPLATE):
            return await self._of_ours(call.principal, argument, typed, call.arguments)
        found = self._calling.catalogue.templates.get(uri)
        if found is None or not await self._calling.catalogue.shows(
            found, principal=call.principal
        ):
            raise failures.invalid("no such resource template", uri=uri[:200])
        return await self._calling.completed(call, found.complete.get(argument), typed)

    async def _of_ours(
        self, principal: Principal, argument: str, typed: str, given: Mapping[str, str]
    ) -> Sequence[str]:
        if argument == "namespace":
            return await names.namespaces(self._contexts, principal, typed)
        if argument == "name":
            namespace = given.get("namespace")
            if not namespace:
                return []
            return await names.names(self._contexts, principal, namespace, typed)
        raise failures.invalid("the arguments are namespace and name")

    async def _of_prompt(
        self, call: Call, ref: PromptReference, argument: str, typed: str
    ) -> Sequence[str]:
        prompt = self._calling.catalogue.prompts.get(ref.name)
        if prompt is None:
            return await self._of_stored(call.principal, ref.name, argument, typed)
        if not await self._calling.catalogue.shows(prompt, principal=call.principal):
            return []
        found: dict[str, Complete | None] = {each.name: each.complete for each in prompt.arguments}
        return await self._calling.completed(call, found.get(argument), typed)

    async def _of_stored(
        self, principal: Principal, name: str, argument: str, typed: str
    ) -> Sequence[str]:
        try:
            key = ContextKey.parse(name)
            snapshot = await self._contexts.reader.snapshot(principal, key)
        except (InvalidKeyError, MissingError):
            return []
        return stored_prompts.completed(snapshot.state, argument, typed)
