"""Domain errors as tool errors and as MCP errors: the one place where the tree meets MCP.

A model's mistake is answered as a tool error, so that the model reads what to do next. What
is no tool call is answered as a JSON-RPC error with the code in `data`.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import msgspec
import orjson
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, CallToolRequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel
from starlette.requests import Request

from backstory import limits
from backstory.domain.keys import shorten
from backstory.errors import (
    BackstoryError,
    BusyError,
    MalformedError,
    MissingError,
    OutcomeUnknownError,
    ScopeError,
    StoreError,
    Violation,
    codes,
)
from backstory.ports import acts
from backstory.ports.hooks import OK, Called
from backstory.ports.hooks import Request as Heard
from backstory.resilience import deadlines
from backstory.transports.edge.guard import REQUEST
from backstory.transports.mcp import answers
from backstory.transports.mcp.answers import View

logger = logging.getLogger(__name__)

RESOURCE_NOT_FOUND: Final = -32002
"""What the 2025 revisions answer for a resource that is not there; 2026-07-28 has -32602."""

_RENAMED: Final = {"current": "current_version"}
_VIOLATIONS: Final = 10  # that a tool error shows

_URI_CHARS: Final = 2000  # of a URI that is given back

_UNKNOWN: Final = "invalid_params"
"""Stands for the code of what the protocol refuses before there is any."""
_TOOLS_OWN: Final = "tool_error"
_CODES: Final = codes()

_STEPS: Final = {
    "not_found": "list_contexts shows what is there; write_context creates.",
    "version_conflict": "Read the context, decide anew, then send the version it is at now.",
    "precondition_failed": "Read the context, decide anew, then send the version it is at now.",
    "patch_conflict": "Read the state as it is now and send a patch that fits it.",
    "invalid_patch": "Correct the patch; merge is simpler where it will do.",
    "kind_conflict": "Leave kind out to keep it, or use another name.",
    "already_exists": "Choose a name that is free; list_contexts shows those that are taken.",
    "quota_contexts": "Delete contexts that nobody needs, or tell the user.",
    "quota_bytes": "Tell the user; somebody has to purge what nobody needs.",
    "limit_reached": "Begin another context.",
    "history_gone": "Read the context as it is now, without since, at or after.",
    "invalid_cursor": "Begin again without the cursor.",
    "invalid_key": "Correct the name; list_contexts shows examples.",
    "unknown_kind": "Use a kind that the detail lists, or one that list_contexts shows in _system.kinds.",
    "schema_violation": "Correct what errors points to and call again.",
    "malformed": "Correct the argument and call again.",
    "too_large": "Send less at once.",
    "idempotency_key_reused": "Use a new idempotency_key for a new request.",
    "forbidden": "list_contexts tells in writable where you may write.",
    "declined": "Do what the detail says, or tell the user.",
    "insufficient_scope": "Nothing here helps; the user has to allow more.",
    "unauthenticated": "Nothing here helps; the user has to sign in.",
    "outcome_unknown": "Call again with the same idempotency_key: it is done at most once.",
    "busy": "Wait, then call again.",
    "store_unavailable": "Nothing was written. Wait, then call again.",
}
_LEAST: Final = ("code", "detail", "next_step", "retry_after")
_DEFAULT_STEP: Final = "Tell the user; calling again is not likely to help."
_AT: Final = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<where>.*)`)?\Z", re.DOTALL)
_TOKEN: Final = re.compile(r"\.([^.\[\]]+)|\[([^\]]+)\]")


def tool_error(error: BackstoryError) -> View:
    """What a model is told: code, sentence, next step and what else the error knows."""
    view: View = {
        "code": error.code,
        "detail": error.detail,
        "next_step": _STEPS.get(error.code, _DEFAULT_STEP),
    }
    for name, value in error.context.items():
        view.setdefault(_RENAMED.get(name, name), value)
    if (seconds := error.waits) is not None:
        view["retry_after"] = seconds
    if error.errors:
        view["errors"] = [_violation(item) for item in error.errors[:_VIOLATIONS]]
    if not answers.fits(view):
        view = {name: view[name] for name in _LEAST if name in view}
        view["detail"] = answers.cut(error.detail, 0, answers.BYTES // 2)
    return view


def _violation(violation: Violation) -> View:
    view = {"pointer": violation.pointer, "detail": violation.detail}
    return view if violation.rule is None else view | {"rule": violation.rule}


def bad_argument(error: msgspec.ValidationError, known: tuple[str, ...]) -> MalformedError:
    """What is wrong with a tool's arguments, with a JSON Pointer and the names there are."""
    found = _AT.match(str(error))
    what, where = (found["what"], found["where"] or "") if found else (str(error), "")
    pointer = "".join(f"/{name or index}" for name, index in _TOKEN.findall(where))
    detail = what.replace("`", "")
    if "unknown field" in what:
        detail += f"; there are {', '.join(known)}"
    sentence = f"{pointer}: {detail}" if pointer else detail
    return MalformedError(sentence, errors=(Violation(pointer, detail),))


def protocol_error(error: BackstoryError, **data: Any) -> MCPError:
    """A JSON-RPC error: -32602 for what the caller can mend, -32603 for the rest."""
    theirs = error.status < 500 and not isinstance(error, StoreError | BusyError)
    data |= {"code": error.code}
    for name, value in error.context.items():
        data.setdefault(_RENAMED.get(name, name), value)
    if (seconds := error.waits) is not None:
        data["retry_after"] = seconds
    plain = orjson.loads(orjson.dumps(data, default=str))
    return MCPError(INVALID_PARAMS if theirs else INTERNAL_ERROR, error.detail, plain)


def resource_error(error: BackstoryError, uri: str, version: str) -> MCPError:
    """The same for a resource; what is not there has a code of its own before 2026-07-28."""
    failure = protocol_error(error, uri=uri[:_URI_CHARS])
    if isinstance(error, MissingError) and version not in MODERN_PROTOCOL_VERSIONS:
        return MCPError(RESOURCE_NOT_FOUND, failure.message, failure.data)
    return failure


def invalid(detail: str, **data: Any) -> MCPError:
    """-32602 with a sentence."""
    return MCPError(INVALID_PARAMS, detail, data or None)


def quoted(text: str) -> str:
    """Foreign text, safe to stand in a message."""
    return shorten(text)


_T = TypeVar("_T")


async def in_time(work: Awaitable[_T], *, writes: bool = False) -> _T:
    """What the work comes to, within `limits.REQUEST_SECONDS`.

    Raises:
        OutcomeUnknownError, BusyError: as `within`.
    """
    return await within(limits.REQUEST_SECONDS, work, writes=writes)


async def within(seconds: float | None, work: Awaitable[_T], *, writes: bool = False) -> _T:
    """What the work comes to. Without `seconds` it has a time of its own.

    Raises:
        OutcomeUnknownError, BusyError: not within the time.
    """
    if seconds is None:
        return await work
    try:
        return await deadlines.answered(seconds, work)
    except deadlines.LateError as error:
        if writes:
            raise OutcomeUnknownError(str(error)) from error
        raise BusyError(str(error), limit="REQUEST_SECONDS") from error


_Context = ServerRequestContext[Any, Any]
Handler = Callable[[_Context, Any], Coroutine[Any, Any, BaseModel | dict[str, Any]]]


REFUSED: Final = "backstory.mcp_refused"
"""Where the scope of a request holds the error that another token would avoid."""


def _mark(ctx: _Context, error: BaseException | None) -> None:
    if isinstance(error, ScopeError) and isinstance(ctx.request, Request):
        ctx.request.scope[REFUSED] = error


def answered(handler: Handler, *, waits: bool = False) -> Handler:
    """A handler whose answer is whole, and whose failures tell no more than they should.

    It is given `limits.REQUEST_SECONDS`, unless it `waits`. The HTTP request that it came by is
    told of it.
    """

    async def guarded(ctx: _Context, params: Any) -> BaseModel | dict[str, Any]:
        begun = time.perf_counter()
        try:
            work = handler(ctx, params)
            result = await (work if waits else in_time(work))
        except MCPError as error:
            _tell(ctx, params, _code_of(error), begun)
            _mark(ctx, error.__cause__)
            raise
        except BackstoryError as error:
            _tell(ctx, params, error.code, begun)
            _mark(ctx, error)
            raise protocol_error(error) from error
        except Exception as error:
            _tell(ctx, params, BackstoryError.code, begun)
            logger.exception("handling %s failed", ctx.method)
            raise MCPError(INTERNAL_ERROR, "Internal server error") from error
        _tell(ctx, params, _code_in(result), begun)
        # Every result of 2026-07-28 has it; the SDK leaves it out for older clients.
        return {"resultType": "complete"} | result if isinstance(result, dict) else result

    return guarded


def _tell(ctx: _Context, params: Any, code: str, begun: float) -> None:
    if not isinstance(ctx.request, Request):
        return
    heard: Heard = ctx.request.scope[REQUEST]
    # The name of a tool that there is not is the caller's own, and no label.
    tool = params.name if isinstance(params, CallToolRequestParams) and code != _UNKNOWN else ""
    heard.called(Called(ctx.method, tool, code, time.perf_counter() - begun))
    acts.doing(f"{ctx.method} {tool}" if tool else ctx.method, code)


def _code_of(error: MCPError) -> str:
    data = error.error.data
    code = data.get("code") if isinstance(data, dict) else None
    return code if code in _CODES else _UNKNOWN


def _code_in(result: BaseModel | dict[str, Any]) -> str:
    """The code of a tool's error, which only our own tools are sure to have."""
    if not isinstance(result, dict) or not result.get("isError"):
        return OK
    told = result.get("structuredContent")
    code = told.get("code") if isinstance(told, dict) else None
    return code if code in _CODES else _TOOLS_OWN
