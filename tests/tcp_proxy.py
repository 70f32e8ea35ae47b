"""A TCP proxy of the tests' own: a network that can be cut, frozen and slowed."""

import asyncio
import contextlib

from hanging_up import Connections, closed

UP, DOWN = "up", "down"  # from the client to the server, and back


class Proxy:
    """Passes bytes on to a port of this machine, as long as it is let.

    `cut` ends all connections and takes no more, `freeze` keeps them and passes nothing on, each
    until `mend`. `delay` holds each piece up. `point_to` names another server for connections to
    come. `cut_at(bytes)` ends the next connection whose client sends them; the server still gets
    them where `after` is true, but its answer goes nowhere.
    """

    def __init__(self, port):
        self._target, self._cut, self._after = port, None, False
        self._last_words = None
        self._open, self._taken = set(), Connections()
        self._flows = {UP: asyncio.Event(), DOWN: asyncio.Event()}
        self._delays = {UP: 0.0, DOWN: 0.0}
        self._whole = True
        self.cuts = self.freezes = 0
        self.mend()

    async def __aenter__(self):
        serve = self._taken.taking(self._serve)
        self._server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()
        await self._taken.close(self._server)

    def cut_at(self, text, *, after):
        self._cut, self._after = text, after

    def cut(self):
        self._whole = False
        for one in self._open:
            one.transport.abort()
        for flow in self._flows.values():
            flow.set()

    def freeze(self, *ways):
        for way in ways or (UP, DOWN):
            self._flows[way].clear()

    def freeze_after(self, text):
        self._last_words = text

    def delay(self, seconds, *ways):
        for way in ways or (UP, DOWN):
            self._delays[way] = seconds

    def mend(self):
        """All passes again, at once."""
        self._whole = True
        self.delay(0.0)
        for flow in self._flows.values():
            flow.set()

    def point_to(self, port):
        self._target = port

    async def _serve(self, reader, writer):
        with contextlib.suppress(OSError):
            if self._whole:
                await self._join(reader, writer)
        writer.transport.abort()

    async def _join(self, reader, writer):
        onward, away = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, away}
        if not self._whole:  # it was cut in the meantime
            away.transport.abort()
        back = asyncio.create_task(self._pass(onward, writer, DOWN))
        try:
            await self._pass(reader, away, UP, back, onward)
        finally:
            away.close()
            writer.close()
            if not back.done():
                await asyncio.wait([back])
            self._open -= {writer, away}
            await closed(away)

    async def _pass(self, reader, writer, way, back=None, onward=None):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if way == UP and self._cut is not None and self._cut in data:
                    await self._cut_here(data, writer, back, onward)
                    break
                if self._delays[way]:
                    await asyncio.sleep(self._delays[way])
                await self._flows[way].wait()
                writer.write(data)
                if way == UP and self._last_words is not None and self._last_words in data:
                    self._last_words = None
                    self.freezes += 1
                    self.freeze(UP)
        writer.close()

    async def _cut_here(self, data, away, back, onward):
        self._cut = None
        self.cuts += 1
        back.cancel()
        await asyncio.wait([back])
        if self._after:
            away.write(data)
            await away.drain()
            await onward.read(1)  # it has answered, so it is done
