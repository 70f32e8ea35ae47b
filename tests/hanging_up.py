"""Servers of the tests' own that leave no connection open behind them."""

import asyncio
import contextlib


class Connections:
    """Those that a server took, from the moment that it knows of them until they are closed.

    `taking(serve)` is what `asyncio.start_server` calls. A coroutine would do for that, but is
    begun a turn of the loop later, and a server that is closed in between forgets it.
    """

    def __init__(self):
        self._open, self._failed = {}, []

    def taking(self, serve):
        def took(reader, writer):
            task = asyncio.get_running_loop().create_task(serve(reader, writer))
            self._open[task] = writer
            task.add_done_callback(self._done)

        return took

    def _done(self, task):
        writer = self._open.pop(task)
        writer.close()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed.append(error)

    def hang_up(self):
        """On everybody, without another word."""
        for writer in self._open.values():
            writer.transport.abort()

    async def close(self, server):
        """The server takes nobody any more, and whoever was taken is gone.

        Raises:
            whatever the first failed with that was not served.
        """
        server.close()
        for _ in range(3):  # the turns that a connection needs to be known
            await asyncio.sleep(0)
        writers = list(self._open.values())
        self.hang_up()
        if self._open:
            await asyncio.wait(self._open)
        for writer in writers:
            await closed(writer)
        if self._failed:
            raise self._failed[0]


async def closed(writer):
    """Its transport is gone, with whatever it had not sent."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
