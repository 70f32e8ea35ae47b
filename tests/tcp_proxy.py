"""A TCP proxy of the tests' own that cuts connections at a chosen moment."""

import asyncio
import contextlib


class Proxy:
    """Passes bytes on. `cut_at(bytes)` ends the next connection whose client sends them.

    The server still gets them where `after` is true, but its answer goes nowhere.
    """

    def __init__(self, port):
        self._port, self._cut, self._after = port, None, False
        self.cuts = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()

    def cut_at(self, text, *, after):
        self._cut, self._after = text, after

    async def _serve(self, reader, writer):
        onward, away = await asyncio.open_connection("127.0.0.1", self._port)
        back = asyncio.create_task(self._pass(onward, writer))
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if self._cut is not None and self._cut in data:
                    self._cut = None
                    self.cuts += 1
                    back.cancel()
                    await asyncio.wait([back])
                    if self._after:
                        away.write(data)
                        await away.drain()
                        await onward.read(1)  # it has answered, so it is done
                    break
                away.write(data)
        for one in (away, writer):
            one.close()
        if not back.done():
            await asyncio.wait([back])

    async def _pass(self, reader, writer):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()
