"""A server in a node's place, for what only the far side of a load balancer can see."""

import asyncio
import contextlib

from hanging_up import Connections

READY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NOT_READY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class StandIn:
    """Answers probes; `answer(request, reader, writer)` does the rest, and is told the head."""

    def __init__(self, answer, *, ready=True, stale=True):
        self._answer = answer
        fine = {"ready": ready, "copies": stale}
        self.unready = {name for name in fine if not fine[name]}
        self.requests, self.taken = [], Connections()
        self.address = self.server = None

    def leave(self):
        """Take no connection any more."""
        self.server.close()

    async def aclose(self):
        """Hang up on everybody."""
        await self.taken.close(self.server)

    async def __call__(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                method, path, _ = head.split(" ", 2)
                if path.startswith("/readyz"):
                    name = "copies" if "allow=stale" in path else "ready"
                    writer.write(NOT_READY if name in self.unready else READY)
                    continue
                self.requests.append((method, path))
                if await self._answer(head.lower(), reader, writer) == "close":
                    break
        writer.close()


@contextlib.asynccontextmanager
async def standing_in(*stand_ins):
    """Listening on free ports."""
    async with contextlib.AsyncExitStack() as stack:
        for one in stand_ins:
            one.server = await asyncio.start_server(one.taken.taking(one), "127.0.0.1", 0)
            stack.push_async_callback(one.aclose)
            one.address = f"127.0.0.1:{one.server.sockets[0].getsockname()[1]}"
        yield stand_ins
