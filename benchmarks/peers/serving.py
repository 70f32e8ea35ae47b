"""Servers of peers, each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import servers
from benchmarks.client import Client

PYTHON = servers.ROOT / ".venv" / "peers" / "bin" / "python"

_KINTO = """[app:main]
use = egg:kinto
kinto.userid_hmac_secret = bench
kinto.bucket_create_principals = system.Everyone
kinto.bucket_write_principals = system.Everyone
kinto.paginate_by = 10000
kinto.storage_backend = kinto.core.storage.postgresql
kinto.storage_url = {url}
kinto.permission_backend = kinto.core.permission.postgresql
kinto.permission_url = {url}
kinto.cache_backend = kinto.core.cache.memory
multiauth.policies = basicauth

[server:main]
use = egg:waitress#main
host = 127.0.0.1
port = {port}
threads = 16

[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = plain

[logger_root]
level = ERROR
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain

[formatter_plain]
format = %(message)s
"""


@contextmanager
def kinto(folder: Path, url: str, core: str) -> Iterator[tuple[int, int]]:
    """Kinto on PostgreSQL behind waitress with 16 threads, as its documentation has it."""
    port = servers.free_port()
    settings = folder / "kinto.ini"
    sqlalchemy = url.replace("postgresql://", "postgresql+psycopg2://")
    settings.write_text(_KINTO.format(url=sqlalchemy.replace("%", "%%"), port=port), "utf-8")
    program = [str(PYTHON.parent / "kinto")]
    subprocess.run([*program, "migrate", "--ini", str(settings)], check=True, capture_output=True)
    with _running(["taskset", "-c", core, *program, "start", "--ini", str(settings)], port) as pid:
        yield port, pid


@contextmanager
def fastmcp(core: str) -> Iterator[tuple[int, int]]:
    """FastMCP with one tool, over HTTP without sessions."""
    port = servers.free_port()
    command = [str(PYTHON), str(Path(__file__).parent / "fastmcp_server.py"), str(port)]
    with _running(["taskset", "-c", core, *command], port) as pid:
        yield port, pid


@contextmanager
def _running(command: list[str], port: int) -> Iterator[int]:
    process = subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + servers.START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[3]} did not start")
            time.sleep(0.01)
        yield process.pid
    finally:
        process.terminate()
        process.wait(servers.START_SECONDS)


def _answers(port: int) -> bool:
    try:
        with Client(port) as client:
            client.request("GET", "/")
    except OSError:
        return False
    return True


def installed() -> bool:
    """Whether what is needed is there, or can be made; says so where it cannot."""
    made = subprocess.run([str(servers.ROOT / "scripts" / "peers")], check=False)
    if made.returncode:
        print("the peers could not be installed; they are left out", file=sys.stderr)
    return made.returncode == 0
