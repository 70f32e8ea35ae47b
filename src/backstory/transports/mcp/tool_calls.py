"""`tools/list` and `tools/call`, for our tools and for those of extensions."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import orjson
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolRequestParams, PaginatedRequestParams

from backstory.errors import BackstoryError
from backstory.transports.mcp import failures
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.asks import InputRequired
from backstory.transports.mcp.blocks import TextBlock
from backstory.transports.mcp.bounds import checked
from backstory.transports.mcp.callers import RequestContext
from backstory.transports.mcp.calling import Calling, input_required
from backstory.transports.mcp.calls import Call
from backstory.transports.mcp.extending import Tool, ToolAnswer, ToolResult
from backstory.transports.mcp.offers import Validators
from backstory.transports.mcp.resources import refuse_cursor

logger = logging.getLogger(__name__)


class Tools:
    """Handlers for `tools/list` and `tools/call`."""

    def __init__(self, calling: Calling) -> None:
        self._calling = calling
        self._catalogue = calling.catalogue

    async def list(
        self, ctx: RequestContext, params: PaginatedRequestParams | None
    ) -> dict[str, Any]:
        """The tools that the caller may use somewhere."""
        refuse_cursor(params)
        principal = self._calling.served.principal(ctx)
        shown = await self._catalogue.shown(self._catalogue.tools.values(), principal)
        return {"tools": [self._catalogue.definitions[tool.name] for tool in shown]}

    async def call(self, ctx: RequestContext, params: CallToolRequestParams) -> dict[str, Any]:
        """One call; a tool that is not there is the client's error, not the model's."""
        tool = self._catalogue.tools.get(params.name)
        if tool is None:
            raise _unknown(params.name)
        call = self._calling.call(ctx, params.arguments or {}, params)
        validators = self._catalogue.validators.get(params.name)
        if validators is not None:
            return await self._foreign(ctx, tool, call, validators)
        # Ours know themselves who may do what where, and what an answer may be.
        return _answer(await self._calling.rounds(tool, call, ctx.protocol_version))

    async def _foreign(
        self, ctx: RequestContext, tool: Tool, call: Call, validators: Validators
    ) -> dict[str, Any]:
        """A tool of an extension, whose failures are answered to the model."""
        if not await self._catalogue.shows(tool, principal=call.principal):
            raise _unknown(tool.name)
        try:
            validators.arguments.check(dict(call.arguments))
            found = await self._calling.rounds(tool, call, ctx.protocol_version)
            answer = _answer(found)
            if not isinstance(found, InputRequired):
                _check(tool, answer, validators)
        except MCPError:
            raise
        except BackstoryError as error:
            return _failed(failures.tool_error(error))
        except Exception:
            logger.exception("the tool %s failed", tool.name)
            detail = f"{tool.name} failed; the server's log says why"
            return _failed(failures.tool_error(BackstoryError(detail)))
        return answer


def _unknown(name: str) -> MCPError:
    return failures.invalid(f"Unknown tool: {failures.quoted(name)}")


def _answer(found: ToolAnswer) -> dict[str, Any]:
    match found:
        case InputRequired():
            return input_required(found)
        case ToolResult():
            return _result(found)
        case str():
            return _result(ToolResult((TextBlock(found),)))
        case Mapping():
            return _result(ToolResult(structured=found))
        case _:
            raise TypeError(f"a tool answered a {type(found).__name__}")


def _result(found: ToolResult) -> dict[str, Any]:
    content = [block.view() for block in found.content]
    view: dict[str, Any] = {"content": content, "isError": found.error}
    if found.meta:
        view["_meta"] = dict(found.meta)
    if found.structured is not None:
        raw = orjson.dumps(found.structured)
        view["structuredContent"] = orjson.loads(raw)  # JSON, whatever the handler made it of
        if not content:
            content.append(TextBlock(raw.decode()).view())
    return view


def _check(tool: Tool, answer: View, validators: Validators) -> None:
    """What the extension has to keep to; if it does not, that is for its log and not the model."""
    structured = answer.get("structuredContent")
    if validators.answer is not None and not answer["isError"]:
        wrong = validators.answer.violations(structured)
        if wrong:
            raise ValueError(f"the answer does not fit its schema: {wrong[0]}")
    checked(answer["content"], f"the tool {tool.name}")
    checked(answer.get("_meta"), f"the tool {tool.name}")
    if structured is not None:
        checked({"structured": structured}, f"the tool {tool.name}")


def _failed(view: View) -> dict[str, Any]:
    text = orjson.dumps(view, default=str).decode()
    return {
        "content": [{"type": "text", "text": text}],
        "structuredContent": orjson.loads(text),
        "isError": True,
    }
