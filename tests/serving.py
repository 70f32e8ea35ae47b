"""A real server process on a free port, for tests; always stopped, never waited for forever."""

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

SECONDS = 60  # after which a wait has failed


class Server:
    """`backstory serve`, once it has said that it is ready; `module` may be another version."""

    def __init__(self, folder, *arguments, env=None, store=None, module="backstory"):
        self.folder = folder
        self.store = store or folder / "store" / "test.db"
        self.log = folder / "server.log"
        command = [sys.executable, "-m", module, "serve", "--json", "--port", "0"]
        url = self.store if "://" in str(self.store) else f"sqlite:///{self.store}"
        command += ["--store", url, *arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        self.said = {}

    @property
    def url(self):
        return self.said["url"]

    @property
    def address(self):
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    def wait_until_ready(self):
        line = self._line()
        assert line, f"the server said nothing (exit code {self.process.poll()}): {self.errors()}"
        self.said = json.loads(line)
        return self

    def _line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], SECONDS)
        return self.process.stdout.readline() if ready else b""

    def errors(self):
        return self.log.read_text()

    def client(self, **options):
        return httpx.Client(base_url=self.url, timeout=SECONDS, **options)

    def async_client(self, **options):
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        return httpx.AsyncClient(base_url=self.url, timeout=SECONDS, limits=limits, **options)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """As the machine's end would: the whole group, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(SECONDS)

    def wait(self):
        """The exit code, once it has ended."""
        return self.process.wait(SECONDS)

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.wait()

    def close(self):
        """Whatever is left of it."""
        self.kill()
        self.process.stdout.close()


@contextlib.contextmanager
def serving(folder, *arguments, **options):
    server = Server(folder, *arguments, **options)
    try:
        yield server.wait_until_ready()
    finally:
        server.close()


@contextlib.asynccontextmanager
async def serving_aside(folder, *arguments, store):
    """A server and a client; the event loop goes on meanwhile, since the network is in it."""
    server = Server(folder, *arguments, store=store)
    try:
        await asyncio.to_thread(server.wait_until_ready)
        async with server.async_client() as http:
            yield server, http
    finally:
        await asyncio.to_thread(server.close)


@contextlib.contextmanager
def failing(folder, *arguments, **options):
    """One that cannot start; ended by itself or here."""
    server = Server(folder, *arguments, **options)
    try:
        yield server
    finally:
        server.close()


def until(condition, what="it", seconds=SECONDS):
    """Looks again and again, for a bounded time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.01)


def children_of(pid):
    """The pids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def workers_of(server):
    """The pids of a supervisor's worker processes."""
    return [pid for pid in children_of(server.process.pid) if b"spawn_main" in _command(pid)]


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return b""


def runs(pid):
    """A zombie that nobody has taken does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Wire:
    """One plain HTTP connection, cheap enough to have a thousand of them."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, server):
        return cls(*await asyncio.open_connection(*server.address))

    def send(self, path, *headers):
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
        self._writer.write("\r\n".join(lines).encode())

    async def head(self):
        """Status and headers of the next answer."""
        status = int((await self._reader.readline()).split()[1])
        found = {}
        while line := (await self._reader.readline()).strip():
            name, _, value = line.decode().partition(":")
            found[name.lower()] = value.strip()
        return status, found

    async def answer(self):
        """Status and JSON of the next answer."""
        status, headers = await self.head()
        body = await self._reader.readexactly(int(headers["content-length"]))
        return status, json.loads(body)

    async def line(self):
        """The next line of a stream; empty at the end of the connection."""
        return (await self._reader.readline()).decode().strip("\r\n")

    async def rest(self):
        return (await self._reader.read()).decode()

    def close(self):
        self._writer.close()
