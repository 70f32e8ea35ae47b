"""Prompts: two that are always there, and each context of kind `prompt`.

What a built-in prompt shows was stored as data, so it is marked as such. The text of a
stored prompt may instruct, because only those with the right to instruct can write it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mcp_types import GetPromptRequestParams, PaginatedRequestParams

from backstory import limits
from backstory.contexts.listing import Filter, HeadsPage
from backstory.domain import kinds, prompts
from backstory.domain.contexts import Head, missing
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Principal
from backstory.errors import InvalidKeyError, MissingError
from backstory.transports.mcp import answers, failures, stored_prompts, windows
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.callers import RequestContext, Served


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A prompt that is always there. It takes contexts, each of a kind; the first has to be."""

    description: str
    arguments: Mapping[str, tuple[str, str]]  # description and kind by name
    messages: Callable[[Served, Principal, Mapping[str, str]], Awaitable[list[View]]]

    def definition(self, name: str) -> View:
        """As `prompts/list` shows it."""
        arguments = [
            {"name": each, "description": about, "required": i == 0}
            for i, (each, (about, _)) in enumerate(self.arguments.items())
        ]
        return {"name": name, "description": self.description, "arguments": arguments}

    def takes(self, given: Mapping[str, str]) -> bool:
        """Whether these arguments are what it takes."""
        return next(iter(self.arguments)) in given and given.keys() <= self.arguments.keys()


BUILT_IN: Final = {
    "continue_conversation": BuiltIn(
        "Go on with a stored conversation: what sums it up, and its newest messages.",
        {"context": ("The conversation, as namespace/name", kinds.CONVERSATION)},
        windows.conversation,
    ),
    "with_preferences": BuiltIn(
        "Answer with stored preferences in mind.",
        {
            "context": ("The preferences, as namespace/name", kinds.PREFERENCES),
            "conversation": ("A conversation to go on with, if any", kinds.CONVERSATION),
        },
        windows.preferences,
    ),
}


class Prompts:
    """Handlers for `prompts/list` and `prompts/get`."""

    def __init__(self, served: Served) -> None:
        self._served = served

    async def list(
        self, ctx: RequestContext, params: PaginatedRequestParams | None
    ) -> dict[str, Any]:
        """The built-in ones first, then stored ones by name, a page at a time."""
        principal = self._served.principal(ctx)
        cursor = params.cursor if params else None
        found = [] if cursor else [each.definition(name) for name, each in BUILT_IN.items()]
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
        principal = self._served.principal(ctx)
        arguments = params.arguments or {}
        built_in = BUILT_IN.get(params.name)
        if built_in is None:
            return await self._stored(principal, params.name, arguments)
        if not built_in.takes(arguments):
            there = ", ".join(built_in.arguments)
            raise failures.invalid(
                f"{params.name} takes {there} (namespace/name); context is needed"
            )
        messages = await built_in.messages(self._served, principal, arguments)
        return {"description": built_in.description, "messages": messages}

    async def _stored(
        self, principal: Principal, name: str, arguments: dict[str, str]
    ) -> dict[str, Any]:
        try:
            key = ContextKey.parse(name)
            snapshot = await self._served.contexts.reader.snapshot(principal, key)
            if snapshot.head.kind != kinds.PROMPT:
                raise missing(key)
        except (InvalidKeyError, MissingError) as error:
            raise failures.invalid(
                f"there is no prompt {failures.quoted(name)}; prompts/list shows those there are"
            ) from error
        prompt = prompts.parse(snapshot.state)
        messages = stored_prompts.messages(prompt, arguments)
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
