"""Stores in files: one is locked, one has no room, one is damaged."""

import contextlib
import subprocess

import apsw
import pytest

from drills.drill import CHAT, ENTRY, backstory, calling, failed, serving
from postgres_server import free_port
from serving import until
from troubleshooting import holding


@contextlib.contextmanager
def locked(folder, _services):
    """Another program has the lock of the store's file, and callers go on writing."""
    with serving(folder) as server, contextlib.ExitStack() as held:
        with server.client() as client:
            client.put(CHAT, json={"kind": "conversation"}).raise_for_status()
        held.enter_context(holding(server.store.with_name(server.store.name + ".lock")))
        hurried = {"Prefer": "wait=1"}
        call = lambda client: client.post(f"{CHAT}/entries", json=ENTRY, headers=hurried)  # noqa: E731
        with calling(server.url, call, callers=3):
            yield failed(server, held.close)


@contextlib.contextmanager
def full(folder, _services):
    """The store is on a small disk, on which somebody has left a large file."""
    disk = folder / "store"
    disk.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root only")

    def make_room():
        log = folder / "server.log"
        until(lambda: "cannot write the audit trail" in log.read_text(), "a line on the trail")
        (disk / "old-copy.db").unlink()
        subprocess.run(["mount", "-o", "remount,size=4g", disk], check=True)
        until(lambda: "can write the audit trail again" in log.read_text(), "the trail goes on")
        backstory(folder, "audit", "verify", "--store", f"sqlite:///{disk / 'test.db'}")

    try:
        with serving(folder) as server:
            with server.client() as client:
                client.put(CHAT, json={"kind": "conversation"}).raise_for_status()
            left = disk / "old-copy.db"
            with left.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(2**16)):
                    pass
            with calling(server.url, lambda client: client.post(f"{CHAT}/entries", json=ENTRY)):
                yield failed(server, make_room)
    finally:
        subprocess.run(["umount", disk], check=True)


@contextlib.contextmanager
def damaged(folder, _services):
    """A chunk of content has other bytes than were written, which a scrub has seen."""
    path, text = "/v1/contexts/team/handbook", "a line of it\n" * 10_000
    port, plain = ("--port", str(free_port())), {"Content-Type": "text/plain"}
    with contextlib.ExitStack() as node:
        server = node.enter_context(serving(folder, *port))
        store = f"sqlite:///{server.store}"

        def send(client):
            client.put(path, json={"kind": "document"}).raise_for_status()
            client.put(f"{path}/content", content=text, headers=plain).raise_for_status()

        def scrub_and_start_anew():
            backstory(folder, "scrub", "--store", store, check=False)
            node.pop_all().close()
            node.enter_context(serving(folder, *port))

        def mend():
            with server.client() as client:
                send(client)
            scrub_and_start_anew()

        with server.client() as client:
            send(client)
        file = apsw.Connection(str(server.store))
        file.set_busy_timeout(60_000)
        file.execute("UPDATE chunk_bodies SET body = zeroblob(length(body))")
        file.close()
        scrub_and_start_anew()
        with calling(server.url, lambda one: one.get(f"{path}/content")):
            yield failed(server, mend)
