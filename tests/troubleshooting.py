"""Follows docs/how-to/troubleshoot.md: each symptom is brought about in a scene, then the page is read.

A section of the page says in a comment which scene it plays in, and in others what happens between its
commands that no command does, such as that a network is whole again.
"""

import asyncio
import contextlib
import fcntl
import re
import subprocess
import threading
from dataclasses import dataclass, field

import httpx

from pages import DOCS, SHOWN_ADDRESS, Block, Reader
from serving import SECONDS, Server, until
from tcp_proxy import Proxy

PAGE = DOCS / "how-to" / "troubleshoot.md"
_STEP = re.compile(
    r"^<!-- (scene|then): ([\w ]+) -->$|^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Section:
    """One symptom: its scene, and what is done there, commands and what happens between them."""

    title: str
    scene: str
    steps: tuple


@dataclass
class Scene:
    """Where a section is read: an address for each that is shown, and what can happen there."""

    server: Server
    client: httpx.Client
    addresses: dict
    happens: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)

    def again(self, server):
        """The same server, started anew."""
        self.server.close()
        self.server = server.wait_until_ready()


def sections():
    text = PAGE.read_text(encoding="utf-8")
    found = []
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        steps, scene = [], None
        for kind, name, language, body in _STEP.findall(part):
            if kind == "scene":
                scene = name
            else:
                steps.append(name if kind else Block(language, body, 0))
        if steps:
            found.append(Section(part.splitlines()[0], scene, tuple(steps)))
    return found


def follow(section, scene, folder):
    """Do what a section says, in order; what it shows has to be what is printed."""
    reader = Reader(folder, scene.addresses, scene.environment)
    try:
        for step in section.steps:
            if isinstance(step, str):
                scene.happens[step]()
            else:
                reader.do(step)
    finally:
        reader.close()


@contextlib.contextmanager
def serving(server):
    """The scene around a server, which is stopped with it."""
    scene = None
    try:
        server.wait_until_ready()
        with server.client() as client:
            scene = Scene(server, client, {SHOWN_ADDRESS: server.url.removeprefix("http://")})
            yield scene
    finally:
        (scene or Scene(server, None, {})).server.close()


@contextlib.contextmanager
def network_to(port):
    """A network that can be hurt, in a thread of its own; `do` does something to it there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def there(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(SECONDS)

    proxy = there(Proxy(port).__aenter__())
    try:
        yield proxy, lambda act: there(doing(act, proxy))
    finally:
        there(proxy.__aexit__())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(SECONDS)
        loop.close()


async def doing(act, proxy):
    act(proxy)


@contextlib.contextmanager
def holding(path):
    """Another program takes the lock of a store and keeps it."""
    command = ["flock", "--no-fork", path, "sleep", "600"]
    with subprocess.Popen(command, start_new_session=True) as holder:
        try:
            until(lambda: held(path), "the other program has the lock")
            yield
        finally:
            holder.kill()


def held(path):
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
