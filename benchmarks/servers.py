"""Servers under measurement: ours and a bare ASGI answer, each a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from benchmarks.client import Client

START_SECONDS = 30.0
ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def backstory(
    store: Path | str, *options: str, core: str = "", **environment: str
) -> Iterator[int]:
    """Our server on a store file or a database's URL, on a core where one is named.

    Yields its port.
    """
    with process(store, *options, core=core, **environment) as (port, _):
        yield port


@contextmanager
def process(
    store: Path | str, *options: str, core: str = "", **environment: str
) -> Iterator[tuple[int, int]]:
    """The same; yields its port and its process's number."""
    port = free_port()
    url = store if isinstance(store, str) else f"sqlite:///{store}"
    command = [*_on(core), sys.executable, "-m", "backstory", "serve", "--port", str(port)]
    with _process([*command, "--store", url, *options], port, environment) as pid:
        yield port, pid


def ready(port: int) -> None:
    """Wait until one of ours says that it is."""
    until = time.monotonic() + START_SECONDS
    with Client(port) as client:
        while client.request("GET", "/readyz")[0] != 200:
            if time.monotonic() > until:
                raise RuntimeError("the server was not ready in time")
            time.sleep(0.005)


@contextmanager
def postgres() -> Iterator[str | None]:
    """A PostgreSQL on the disk, as the tests start it; yields its URL, None where there is none."""
    sys.path.insert(0, str(ROOT / "tests"))
    from postgres_server import running

    with running(on_disk=True) as server:
        yield None if server is None else server.url()


@contextmanager
def redis() -> Iterator[str | None]:
    """A Redis, as the tests start it; yields its URL, None where there is none."""
    sys.path.insert(0, str(ROOT / "tests"))
    from server_process import redis

    with redis() as server:
        yield None if server is None else f"redis://127.0.0.1:{server.port}"


def _on(core: str) -> list[str]:
    return ["taskset", "-c", core] if core else []


@contextmanager
def sdk(core: str = "") -> Iterator[tuple[int, int]]:
    """The official SDK's own server (`sdk_server.py`); yields its port and its process's number."""
    port = free_port()
    command = [*_on(core), sys.executable, "-m", "benchmarks.sdk_server", str(port)]
    with _process(command, port, {}) as pid:
        yield port, pid


@contextmanager
def bare(core: str = "") -> Iterator[int]:
    """The same HTTP server with an application that answers a constant."""
    with bare_process(core) as (port, _):
        yield port


@contextmanager
def bare_process(core: str = "") -> Iterator[tuple[int, int]]:
    """The same; yields its port and its process's number."""
    port = free_port()
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error"]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.bare:app", "--port", str(port)]
    command = [*_on(core), *command]
    with _process([*command, *options], port, {}) as pid:
        yield port, pid


@contextmanager
def _process(command: list[str], port: int, environment: dict[str, str]) -> Iterator[int]:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            _wait(port, process, said)
            yield process.pid
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _wait(port: int, process: subprocess.Popen[bytes], said: IO[bytes] | None = None) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}: {_last(said)}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError("the server did not start")


def resident(pid: int, field: str = "VmRSS") -> int:
    """Bytes of memory of a process and of all that it started; `RssAnon` leaves files out."""
    return sum(_status(each, field) for each in _family(pid))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text(encoding="ascii").split():
            yield from _family(int(child))


def _status(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def _last(said: IO[bytes] | None) -> str:
    """What a process wrote at last."""
    if said is None:
        return ""
    said.seek(0)
    return said.read()[-1000:].decode(errors="replace").strip()
