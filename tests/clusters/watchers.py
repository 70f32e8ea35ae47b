"""Those who follow the changes, and go on at another node, from where they were, when one fails."""

import asyncio
import json
import time

import httpx

from backstory.testing.histories import Watch
from clusters.caller import PAUSE_SECONDS, Caller
from clusters.truth import NAMESPACE, context_of

POLL_SECONDS = 1  # of one long poll
LAST_SECONDS = 20  # for the last changes to come, once nothing is written any more


class Watcher(Caller):
    """Follows from a cursor until it has heard of all there is."""

    def __init__(self, name, load, start):
        super().__init__(name, load)
        self._cursor, self._after = start.cursor, start.after
        self._changes, self._end = [], None

    def watched(self):
        return Watch(self.name, self._after, tuple(self._changes))

    async def run(self):
        while not self._has_all():
            node = self.node()
            try:
                await self._follow(node)
            except httpx.TransportError:
                self.leave_out(node)
                await asyncio.sleep(PAUSE_SECONDS)

    def _has_all(self):
        """A watcher who misses something waits in vain, but not for ever."""
        if self.load.due is None:
            return False
        self._end = self._end or time.monotonic() + LAST_SECONDS
        return self._after + len(self._changes) >= self.load.due or time.monotonic() > self._end

    def _hear(self, change, cursor):
        self._changes.append((context_of(change), change["version"]))
        self._cursor = cursor
        self.load.heard()


class Poll(Watcher):
    """By long polls."""

    async def _follow(self, node):
        query = {"after": self._cursor, "namespace": NAMESPACE, "wait": POLL_SECONDS}
        answer = await self._http.get(node.url + "/v1/changes", params=query)
        if answer.status_code == 503:
            await asyncio.sleep(PAUSE_SECONDS)
            return
        assert answer.status_code == 200, answer.text
        page = answer.json()
        for change in page["items"]:
            self._hear(change, change["cursor"])
        self._cursor = page["next"]


class Stream(Watcher):
    """By server-sent events."""

    async def _follow(self, node):
        headers = {"accept": "text/event-stream", "last-event-id": self._cursor}
        query = {"namespace": NAMESPACE}
        async with self._http.stream(
            "GET", node.url + "/v1/changes", params=query, headers=headers
        ) as answer:
            if answer.status_code == 503:
                await asyncio.sleep(PAUSE_SECONDS)
                return
            assert answer.status_code == 200
            cursor = self._cursor
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    cursor = line.removeprefix("id: ")
                elif line.startswith("data: "):
                    self._hear(json.loads(line.removeprefix("data: ")), cursor)
                if self._has_all():
                    return


WATCHERS = (Poll, Stream)
