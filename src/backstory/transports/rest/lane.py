"""What is asked of one context again and again, for `edge.at_once`.

The rows of the table that say `hot` are served here as well, by the same handlers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, cast

from starlette.types import Message, Scope

from backstory import limits
from backstory.transports.edge import body as bodies
from backstory.transports.edge import headers
from backstory.transports.edge.answer import Answer
from backstory.transports.edge.at_once import Later, Work
from backstory.transports.edge.guard import REQUEST
from backstory.transports.rest import media
from backstory.transports.rest.call import Call, Served
from backstory.transports.rest.contexts import PATH
from backstory.transports.rest.endpoints import endpoints
from backstory.transports.rest.handling import handled
from backstory.transports.rest.table import Endpoint

_BEFORE: Final = PATH.split("{")[0]
_PARTS: Final = PATH.count("/")
"""Of a path, without the first, which is empty."""
_MEDIA: Final = "media"


class Hot:
    """`edge.at_once.Lane` of those endpoints; `knows` says whether a read may be known already."""

    def __init__(self, served: Served, *, knows: bool) -> None:
        self._served, self._knows = served, knows
        self._rows = {
            (row.method, *row.path.split("/")[_PARTS + 1 :]): row
            for row in endpoints(served.accepted)
            if row.hot and row.deprecation is None
        }
        self._find = lru_cache(limits.PATHS_KNOWN)(self._way_of)

    def __call__(self, scope: Scope) -> _Way | None:
        """As `edge.at_once.Lane`."""
        path = scope["path"]
        return self._find(scope["method"], path) if path.startswith(_BEFORE) else None

    def _way_of(self, method: str, path: str) -> _Way | None:
        parts = path.split("/")
        row = self._rows.get((method, *parts[_PARTS + 1 :]))
        namespace_and_name = parts[_PARTS - 1 : _PARTS + 1]
        if row is None or len(namespace_and_name) < 2 or not all(namespace_and_name):
            return None
        return _Way(row, self._served, namespace_and_name, knows=self._knows and not row.writes)


class _Way:
    """`edge.at_once.Way` of one path."""

    __slots__ = ("_path", "_row", "_served", "later", "now")

    def __init__(self, row: Endpoint, served: Served, path: list[str], *, knows: bool) -> None:
        self._row, self._served = row, served
        self._path = dict(zip(("namespace", "name"), path, strict=True))
        self.now: Work | None = self._now if knows else None
        self.later: Later = self._later

    async def _now(self, scope: Scope, body: bytes) -> Answer | None:
        return None if body else cast(Answer, await self._row.handler(self._call(scope)))

    async def _later(self, scope: Scope, body: bytes) -> Answer:
        row, call = self._row, self._call(scope)
        if row.bodies:
            call.media, call.body = self._media(scope), bodies.bounded(body)
        return cast(Answer, await handled(row, call))

    def _call(self, scope: Scope) -> Call:
        row, scope["path_params"] = self._row, self._path
        scope[REQUEST].routed(row.path)
        return Call(scope, _none_comes, self._served, row.asked(scope["query_string"]))

    def _media(self, scope: Scope) -> str:
        """Looked up once for headers that come again."""
        notes = headers.notes(scope)
        place = _MEDIA, self._row.media
        known: str | None = notes.get(place)
        if known is None:
            known = notes[place] = media.of_body(scope, self._row.media)
        return known


async def _none_comes() -> Message:
    raise RuntimeError("what is hot takes the body that it is given, and waits for no client")
