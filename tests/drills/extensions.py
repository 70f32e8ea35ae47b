"""A release of an extension that fails, keeps what it sees, and ends the process."""

import contextlib
import json
import signal
import threading
import time

import httpx

from drills.drill import CHAT, Failed, calling, failed, serving
from installing import install
from postgres_server import free_port
from scraping import scraped, value
from serving import SECONDS, until

WELL = """
class Mentions:
    name = "mentions"

    def suspects(self, raw):
        return b"@" in raw

    def apply(self, texts, counts):
        return [self.said(text) for text, _ in texts]

    def said(self, text):
        return text

def make(options):
    return Mentions()
"""
CARELESS = """
import os
import well

MEMBERS, kept = {}, []

class Mentions(well.Mentions):
    def said(self, text):
        if "@all" in text:
            kept.append(b"a list " * 2**19)
        elif "@everybody" in text:
            os._exit(70)
        elif "@" in text:
            MEMBERS[text]
        return text

def make(options):
    return Mentions()
"""
RULES = {"rules": [{"transforms": ["mentions"]}]}


class Packages:
    """Where a server finds its extension: in one of two releases, the careless one at first."""

    def __init__(self, folder):
        self._folder, self._here = folder, folder / "installed"
        self.variables = {
            "PYTHONPATH": str(self._here),
            "PYTHONDONTWRITEBYTECODE": "1",
            "BACKSTORY_PROCESSING": json.dumps(RULES),
        }
        for release, module in (("1.0", "well"), ("2.0", "careless")):
            points = {"backstory.transforms": {"mentions": f"{module}:make"}}
            modules = {"well": WELL, "careless": CARELESS}
            install(folder / release, points, "acme-mentions", release, **modules)
        self._here.symlink_to("2.0")

    def go_back(self):
        """At once, since a server may be starting."""
        new = self._folder / "new"
        new.symlink_to("1.0")
        new.replace(self._here)


def say(client, text):
    entry = {"role": "user", "content": text}
    return client.post(f"{CHAT}/entries", json={"entries": [entry]})


MEGABYTES = 400
NEARLY = 0.94  # of what a worker may have


@contextlib.contextmanager
def careless(folder, _services):
    """One sort of entry makes an extension fail, of another it keeps a copy in memory."""
    packages = Packages(folder / "packages")
    bound = ("--worker-memory-megabytes", str(MEGABYTES))
    with serving(folder, *bound, env=packages.variables) as server:
        with server.client() as client:
            client.put(CHAT, json={"kind": "conversation"}).raise_for_status()

        def go_on(client):
            say(client, "@nobody")
            held = value(scraped(client), "process_resident_memory_bytes")
            if held < NEARLY * MEGABYTES * 2**20:
                say(client, "@all")

        def mend():
            until(lambda: "unexpected failure" in server.errors(), "a line on the failure")
            packages.go_back()
            server.signal(signal.SIGHUP)

        with calling(server.url, go_on):
            yield failed(server, mend, variables=packages.variables)


LIFE_SECONDS = 10


@contextlib.contextmanager
def looping(folder, _services):
    """One sort of entry ends the process, and whoever supervises it starts it again."""
    packages, over, alive = Packages(folder / "packages"), threading.Event(), threading.Event()
    port = str(free_port())

    def supervise():
        while not over.is_set():
            begun = time.monotonic()
            with serving(folder, "--port", port, env=packages.variables) as server:
                alive.set()
                with server.client() as client:
                    client.put(CHAT, json={"kind": "conversation"})
                    # Long enough to be scraped; so it begins five times a minute at most.
                    lived = time.monotonic() - begun
                    over.wait(max(0, LIFE_SECONDS - lived))
                    while not over.wait(2) and server.process.poll() is None:
                        with contextlib.suppress(httpx.HTTPError):
                            say(client, "@everybody")

    supervisor = threading.Thread(target=supervise, daemon=True)
    supervisor.start()
    try:
        until(alive.is_set, "the first start")
        store = f"sqlite:///{folder / 'store' / 'test.db'}"
        yield Failed(f"127.0.0.1:{port}", packages.go_back, store, variables=packages.variables)
    finally:
        over.set()
        supervisor.join(SECONDS)
