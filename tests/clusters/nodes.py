"""Server processes of one cluster, which can be killed and started again."""

import asyncio
import contextlib
import sys
from contextlib import asynccontextmanager

from serving import Server, workers_of

LINES = 60  # of a node's log that are shown


class Node:
    """`backstory serve` on a store that others use, too. Its URL is another after each start.

    `env` holds variables for its next start.
    """

    def __init__(self, name, folder, store, *arguments, env=None):
        self.name, self._folder, self._store = name, folder / name, store
        self._arguments, self.env = arguments, env or {}
        self._folder.mkdir()
        self._server = None

    @property
    def url(self):
        return self._server.url

    @property
    def process(self):
        return self._server.process

    async def start(self):
        await self.close()
        self._server = await asyncio.to_thread(self._started)

    def _started(self):
        server = Server(self._folder, *self._arguments, store=self._store, env=self.env)
        try:
            return server.wait_until_ready()
        except BaseException:
            server.close()
            raise

    def client(self):
        return self._server.async_client()

    def workers(self):
        """The pids of its workers, none while one of its processes is just ending."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return workers_of(self._server)
        return []

    async def kill(self):
        """With SIGKILL, all of its processes at once."""
        await asyncio.to_thread(self._server.kill)

    async def stop(self):
        return await asyncio.to_thread(self._server.stop)

    async def close(self):
        if self._server is not None:
            await asyncio.to_thread(self._server.close)

    def said(self):
        """What it has logged in all its lives."""
        log = self._folder / "server.log"
        return log.read_text() if log.exists() else ""


@asynccontextmanager
async def started(*nodes):
    """The nodes, once they take requests. What one of them logged is shown where a test fails."""
    try:
        for node in nodes:
            await node.start()
        yield nodes
    except BaseException:
        for node in nodes:
            sys.stderr.write(
                "\n".join([f"--- {node.name}:", *node.said().splitlines()[-LINES:], ""])
            )
        raise
    finally:
        for node in nodes:
            with contextlib.suppress(ProcessLookupError):
                await node.close()
