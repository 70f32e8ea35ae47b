"""Those who read, from one node after the other."""

import asyncio

from backstory.testing.histories import Read
from clusters.caller import Caller, told
from clusters.truth import CHAT, COUNTER, path

THOUGHT_SECONDS = 0.005
READS = 5000  # of one caller at most


class Reader(Caller):
    """Reads on and on, as one session."""

    context = CHAT

    async def run(self):
        for _ in range(READS):
            if self.load.stopping:
                return
            answered = await self.read()
            body, stale = self.shown(answered.answer)
            read = Read(
                self.name,
                self.context,
                answered.begun,
                answered.ended,
                body["version"],
                self.newest(body),
                stale,
            )
            self.load.has_read(answered.node, read)
            await asyncio.sleep(THOUGHT_SECONDS)

    async def read(self):
        return await self.send("GET", path(self.context), params={"entries": 1})

    def shown(self, answer):
        assert answer.status_code == 200, answer.text
        return answer.json(), "backstory-stale" in answer.headers

    def newest(self, body):
        """The text of the last entry."""
        return body["entries"][-1]["content"] if body["entries"] else None


class ReadChat(Reader):
    """The newest entry of a conversation."""


class ReadChatByTool(Reader):
    """The same over MCP."""

    async def read(self):
        return await self.tool("read_context", context=self.context, part="entries", entries=1)

    def shown(self, answer):
        meta = answer.json()["result"].get("_meta", {})
        return told(answer), any(name.endswith("stale") for name in meta)


class ReadCounter(Reader):
    """A state, which names who wrote it."""

    context = COUNTER

    async def read(self):
        return await self.send("GET", path(self.context))

    def newest(self, body):
        return body["state"].get("by")


READERS = (ReadChat, ReadChatByTool, ReadCounter)
