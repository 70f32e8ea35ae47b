"""Writing: once for each idempotency key, and to the end even if the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

import orjson

from backstory import ids, limits
from backstory.contexts.writing import Build, Intent, Retry
from backstory.domain.commits import Operation, Outcome, Result
from backstory.domain.sizes import longer_than
from backstory.errors import BackstoryError, MalformedError
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.tools.table import Call, WriteArguments, given

WRITTEN: Final = {"context": str, "version": int, "commit": (str, None), "changed": bool}
"""The answer's members, for its schema."""


def written(outcome: Outcome, result: Result) -> View:
    """What every write answers of one context."""
    return {
        "context": str(result.key),
        "version": result.version,
        "commit": None if outcome.id is None else ids.text(outcome.id),
        "changed": result.changed,
    }


async def write(
    call: Call, wanted: WriteArguments, intents: Sequence[Intent], build: Build
) -> Outcome:
    """Write, to the end even if the client leaves meanwhile."""
    key = given(wanted.idempotency_key)
    retry = None if key is None else _retry(call, key)
    if longer_than(call.raw, limits.RULED_INLINE_BYTES):
        build = await _made_aside(build)
    return await _to_the_end(call.contexts.writer.write(call.principal, intents, build, retry))


async def _made_aside(build: Build) -> Build:
    """What takes long to make is made off the event loop; a failure waits until it is asked for."""
    try:
        made = await asyncio.to_thread(build)
    except BackstoryError as error:
        failure = error
    else:
        return lambda: made

    def fail() -> Sequence[Operation]:
        raise failure

    return fail


def _retry(call: Call, key: str) -> Retry:
    rest = {name: value for name, value in call.raw.items() if name != "idempotency_key"}
    try:
        request = orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError) as error:
        raise MalformedError("the arguments hold a number or text that JSON cannot") from error
    return Retry(key, (b"mcp", call.tool.encode(), request))


_T = TypeVar("_T")
_UNDER_WAY: Final[set[asyncio.Task[Any]]] = set()


async def _to_the_end(writing: Coroutine[Any, Any, _T]) -> _T:
    task = asyncio.create_task(writing)
    _UNDER_WAY.add(task)
    task.add_done_callback(_finished)
    return await asyncio.shield(task)


def _finished(task: asyncio.Task[Any]) -> None:
    _UNDER_WAY.discard(task)
    if not task.cancelled():
        task.exception()  # nobody may be left to look at it
