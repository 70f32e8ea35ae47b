"""Prompts: two that are always there, those of extensions, and each context of kind `prompt`.

What a built-in prompt shows was stored as data, so it is marked as such. The text of a
stored prompt may instruct, because only those with the right to instruct can write it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp_types import GetPromptRequestParams, PaginatedRequestParams

from backstory import limits
from backstory.contexts.listing import Filter, HeadsPage
from backstory.domain import kinds, prompts
from backstory.domain.contexts import Head, missing
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Principal
from backstory.errors import InvalidKeyError, MissingError
from backstory.transports.mcp import answers, failures, stored_prompts
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.asks import InputRequired
from backstory.transports.mcp.bounds import checked
from backstory.transports.mcp.callers import RequestContext
from backstory.transports.mcp.calling import Calling, input_required
from backstory.transports.mcp.extending import Prompt


class Prompts:
    """Handlers for `prompts/list` and `prompts/get`."""

    def __init__(self, calling: Calling) -> None:
        self._calling = calling
        self._served = calling.served

    async def list(
        self, ctx: RequestContext, params: PaginatedRequestParams | None
    ) -> dict[str, Any]:
        """Those that are no contexts first, then stored ones by name, a page at a time."""
        principal = self._served.principal(ctx)
        cursor = params.cursor if params else None
        found: list[View] = []
        if not cursor:
            known = self._calling.catalogue.prompts.values()
            found = [
                each.definition() for each in await self._calling.catalogue.shown(known, principal)
            ]
        shown: dict[ContextKey, View] = {}

        async def read(limit: int) -> HeadsPage:
            wanted = Filter(kind=kinds.PROMPT)
            page = await self._served.contexts.lister.heads(principal, wanted, cursor, limit)
            for head in page.items:
                if head.key not in shown:
                    shown[head.key] = await self._definition(principal, head)
            return page

        page, packed, _ = await answers.fitting(
            read,
            limits.PAGE_DEFAULT,
            lambda head: shown[head.key],
            answers.room({"prompts": found}),
        )
        found += [shown[head.key] for head in page.items[: packed.count]]
        result: dict[str, Any] = {"prompts": found}
        if page.next is not None:
            result["nextCursor"] = page.next
        return result

    async def get(self, ctx: RequestContext, params: GetPromptRequestParams) -> dict[str, Any]:
        """The messages of one prompt."""
        arguments = params.arguments or {}
        prompt = self._calling.catalogue.prompts.get(params.name)
        if prompt is None:
            stored = self._stored(self._served.principal(ctx), params.name, arguments)
            return await failures.in_time(stored)
        call = self._calling.call(ctx, arguments, params)
        if not await self._calling.catalogue.shows(prompt, principal=call.principal):
            raise _unknown(params.name)
        _check_arguments(prompt, arguments)
        found = await self._calling.rounds(prompt, call, ctx.protocol_version)
        if isinstance(found, InputRequired):
            return input_required(found)
        messages = [message.view() for message in found]
        checked(messages, f"the prompt {prompt.name}")
        return {"description": prompt.description, "messages": messages}

    async def _stored(
        self, principal: Principal, name: str, arguments: Mapping[str, str]
    ) -> dict[str, Any]:
        try:
            key = ContextKey.parse(name)
            snapshot = await self._served.contexts.reader.snapshot(principal, key)
            if snapshot.head.kind != kinds.PROMPT:
                raise missing(key)
        except (InvalidKeyError, MissingError) as error:
            raise _unknown(name) from error
        prompt = prompts.parse(snapshot.state)
        messages = stored_prompts.messages(prompt, dict(arguments))
        if not answers.fits(messages):
            raise failures.invalid(
                f"the prompt would have more than {answers.BYTES} bytes; shorten it or what it is given"
            )
        return {"description": prompt.description, "messages": messages}

    async def _definition(self, principal: Principal, head: Head) -> View:
        try:
            snapshot = await self._served.contexts.reader.snapshot(principal, head.key)
        except MissingError:  # it went away meanwhile
            return {"name": str(head.key)}
        return {"name": str(head.key)} | stored_prompts.definition(snapshot.state)


def _unknown(name: str) -> Exception:
    return failures.invalid(
        f"there is no prompt {failures.quoted(name)}; prompts/list shows those there are"
    )


def _check_arguments(prompt: Prompt, given: Mapping[str, str]) -> None:
    declared = {each.name for each in prompt.arguments}
    needed = {each.name for each in prompt.arguments if each.required}
    if given.keys() - declared or needed - given.keys():
        raise failures.invalid(f"{prompt.name} takes {_spelled(prompt)}")


def _spelled(prompt: Prompt) -> str:
    if not prompt.arguments:
        return "no arguments"
    each = [
        f"{argument.name}{'' if argument.required else ' (optional)'}"
        + (f": {argument.description}" if argument.description else "")
        for argument in prompt.arguments
    ]
    return "; ".join(each)
