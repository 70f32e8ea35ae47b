"""Reads of one context that mostly wait for nothing, for `edge.at_once`.

The rows of the table that say `at_once` are served here as well, by the same handlers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, cast

from starlette.types import Message, Scope

from backstory import limits
from backstory.transports.edge.answer import Answer
from backstory.transports.edge.at_once import Work
from backstory.transports.edge.guard import REQUEST
from backstory.transports.rest.call import Call, Served
from backstory.transports.rest.contexts import PATH
from backstory.transports.rest.endpoints import endpoints
from backstory.transports.rest.table import Endpoint

_BEFORE: Final = PATH.split("{")[0]
_PARTS: Final = PATH.count("/")
"""Of a path, without the first, which is empty."""


class Reads:
    """`edge.at_once.Lane` of those endpoints."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._rows = {
            tuple(row.path.split("/")[_PARTS + 1 :]): row
            for row in endpoints(served.accepted)
            if row.at_once
        }
        self._find = lru_cache(limits.PATHS_KNOWN)(self._read_of)

    def __call__(self, scope: Scope) -> Work | None:
        """As `edge.at_once.Lane`."""
        path = scope["path"]
        return self._find(path) if scope["method"] == "GET" and path.startswith(_BEFORE) else None

    def _read_of(self, path: str) -> Work | None:
        parts = path.split("/")
        row = self._rows.get(tuple(parts[_PARTS + 1 :]))
        if row is None or len(parts) <= _PARTS:
            return None
        return _Read(row, self._served, {"namespace": parts[_PARTS - 1], "name": parts[_PARTS]})


class _Read:
    """`edge.at_once.Work` of one path."""

    __slots__ = ("_path", "_row", "_served")

    def __init__(self, row: Endpoint, served: Served, path: dict[str, str]) -> None:
        self._row, self._served, self._path = row, served, path

    async def __call__(self, scope: Scope, body: bytes) -> Answer | None:
        if body:
            return None
        row, scope["path_params"] = self._row, self._path
        scope[REQUEST].routed(row.path)
        call = Call(scope, _nothing, self._served, row.asked(scope["query_string"]))
        return cast(Answer, await row.handler(call))


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
