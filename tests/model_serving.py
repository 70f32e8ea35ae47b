"""A provider's API on a free port that answers, one request after the other, as it is told."""

import asyncio
import json
from contextlib import asynccontextmanager

from hanging_up import Connections


def answer(status=200, body=b"", **headers):
    """A whole answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"content-type": "application/json", "content-length": len(raw)} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [
        f"HTTP/1.1 {status} So",
        *(f"{name}: {value}" for name, value in named.items()),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + raw


def openai(text):
    return answer(body={"choices": [{"message": {"role": "assistant", "content": text}}]})


def anthropic(*texts):
    return answer(body={"content": [{"type": "text", "text": text} for text in texts]})


HANGS = object()
"""Takes the request and says nothing."""
BREAKS_OFF = openai("never heard to the end")[:-20]
"""Half an answer; the connection is closed then."""
CLOSES = b""


class Provider:
    """What was asked, and what is answered next; the last answer is given again and again."""

    def __init__(self, *script):
        self.script = list(script)
        self.asked = []
        self.closing = asyncio.Event()
        self.connections = Connections()

    async def serve(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (x.partition(": ") for x in lines[1:])
                }
                body = await reader.readexactly(int(headers["content-length"]))
                self.asked.append((lines[0].split()[1], headers, json.loads(body)))
                said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if said is HANGS:
                    await self.closing.wait()
                    return
                writer.write(said)
                await writer.drain()
                if said in (BREAKS_OFF, CLOSES):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self):
        """Its URL, up to the version."""
        serve = self.connections.taking(self.serve)
        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**24)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            self.closing.set()
            await self.connections.close(server)
