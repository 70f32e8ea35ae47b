"""A disk that fills, a write-ahead log that grows, scrubs that stay away."""

import asyncio
import contextlib
import os
import subprocess

import apsw
import pytest

from backstory.clock import SECOND, SystemClock
from backstory.contexts.scrubbing import Scrub
from backstory.storage.sqlite import open_store
from backstory.testing import FakeClock
from drills.drill import CHAT, ENTRY, backstory, calling, failed, serving
from postgres_server import free_port


@contextlib.contextmanager
def small_disk(folder, megabytes):
    """A disk with so little room, and what enlarges it."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        yield lambda: subprocess.run(["mount", "-o", "remount,size=4g", folder], check=True)
    finally:
        subprocess.run(["umount", folder], check=True)


LESS = 1500  # the part of what is left that goes with each write, ten of which are made a second


@contextlib.contextmanager
def filling(folder, _services):
    """Somebody keeps a trace on the disk of the store, which is not full before the page was followed."""
    disk = folder / "store"
    with small_disk(disk, 64) as enlarge, serving(folder) as server:

        def write(_client):
            room = os.statvfs(disk)
            trace.write(bytes(room.f_bavail * room.f_frsize // LESS))

        with (disk / "trace").open("wb", buffering=0) as trace, calling(server.url, write) as end:

            def make_room():
                end()
                enlarge()

            yield failed(server, make_room)


MOST_BYTES = 256 * 2**20  # of a write-ahead log that nobody is told of


@contextlib.contextmanager
def held_back(folder, _services):
    """Somebody reads the file of the store in a transaction, and has gone."""
    with serving(folder) as server, server.client() as client:
        client.put(CHAT, json={"kind": "conversation"}).raise_for_status()
        with contextlib.closing(apsw.Connection(str(server.store))) as shell:
            shell.execute("BEGIN; SELECT count(*) FROM contexts").fetchall()
            log = server.store.with_name(server.store.name + "-wal")
            client.put(DOCUMENT, json={"kind": "document"}).raise_for_status()
            while log.stat().st_size < MOST_BYTES + 2**20:
                sent = client.put(f"{DOCUMENT}/content", content=os.urandom(2**24), headers=PLAIN)
                sent.raise_for_status()
            write = lambda one: one.post(f"{CHAT}/entries", json=ENTRY)  # noqa: E731
            with calling(server.url, write, pause=0.5):
                yield failed(server, shell.close)


DOCUMENT, PLAIN = "/v1/contexts/team/handbook", {"Content-Type": "application/octet-stream"}


@contextlib.contextmanager
def unlooked_at(folder, _services):
    """Scrubs are left to a timer, which somebody has stopped four days ago."""
    (folder / "store").mkdir(parents=True)
    asyncio.run(looked_at(folder / "store" / "test.db", days=4))
    words = ("--port", str(free_port()), "--scrub-hours", "0")
    with contextlib.ExitStack() as node:
        server = node.enter_context(serving(folder, *words))

        def scrub():
            backstory(folder, "scrub", "--store", f"sqlite:///{server.store}")
            node.pop_all().close()  # it would see it within a minute
            node.enter_context(serving(folder, *words))

        yield failed(server, scrub)


async def looked_at(path, days):
    clock = FakeClock(SystemClock().now() - days * 86_400 * SECOND)
    store = await open_store(path, clock=clock)
    try:
        await Scrub(store, store, clock).now(lambda *_: None)
    finally:
        await store.aclose()
