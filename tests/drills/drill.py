"""What a failure is, callers who go on meanwhile, and Prometheus over all nodes."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from observing.profile import write_alertmanager, write_prometheus
from observing.programs import alertmanager_command, prometheus_command, running
from observing.stack import ALERTMANAGER, NODE, PROMETHEUS
from pages import DOCS
from postgres_server import free_port
from serving import SECONDS, Server

RUNBOOKS = DOCS / "runbooks"
SPEED = 300  # what takes an hour in production takes twelve seconds
CHAT = "/v1/contexts/users.42/chat"
ENTRY = {"entries": [{"role": "user", "content": "Still there?"}]}
_ALERT = re.compile(r"`(Backstory\w+)`")


@dataclass
class Failed:
    """A node with a failure, and what mends it as the pages say that tell of it.

    `variables` are those with which it was started, `addresses` where others are that its page shows. It may have a `watch` of its own, where another
    would see more than it should.
    """

    node: str
    mend: Callable[[], object]
    store: str = ""
    scraped: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    watch: Watch | None = None
    addresses: dict[str, str] = field(default_factory=dict)

    @property
    def target(self):
        """Where its metrics are."""
        return self.scraped or self.node


def failed(server, mend, **more):
    address = server.url.partition("//")[2]
    url = server.store if "://" in str(server.store) else f"sqlite:///{server.store}"
    return Failed(address, mend, str(url), **more)


@contextlib.contextmanager
def serving(folder, *arguments, **options):
    """A server in a folder that may have to be made."""
    folder.mkdir(exist_ok=True)
    server = Server(folder, *arguments, **options)
    try:
        yield server.wait_until_ready()
    finally:
        server.close()


@contextlib.contextmanager
def calling(url, call, *, pause=0.1, callers=1):
    """Callers who do it again and again, whatever they are answered; `over()` has them go."""
    over = threading.Event()

    def go_on():
        with httpx.Client(base_url=url, timeout=SECONDS, verify=False) as client:
            while not over.is_set():
                with contextlib.suppress(httpx.HTTPError):
                    call(client)
                over.wait(pause)

    threads = [threading.Thread(target=go_on, daemon=True) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield over.set
    finally:
        over.set()
        for thread in threads:
            thread.join(SECONDS)


def backstory(folder, *arguments, check=True, **variables):
    """What a command prints."""
    command = [sys.executable, "-m", "backstory", *arguments]
    environment = os.environ | variables
    done = subprocess.run(command, cwd=folder, check=check, capture_output=True, env=environment)
    return done.stdout.decode().strip()


class Watch:
    """Prometheus over nodes, with the rules as they are shipped, in a hurry."""

    def __init__(self, folder, speed=SPEED):
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._speed = folder, speed
        self._port, self._alertmanager_port = free_port(), free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.alertmanager = f"127.0.0.1:{self._alertmanager_port}"
        self.program = None

    @contextlib.contextmanager
    def over(self, targets):
        file = self.turn_to(targets)
        command = prometheus_command(self._folder, file, self._port)
        with running("prometheus", command, self._folder) as self.program:
            self.program.answers(f"http://{self.address}/-/ready")
            yield self

    def turn_to(self, targets):
        """Its file with these nodes in it, which it reads when it starts or gets a SIGHUP."""
        addresses = {f'"{NODE}"': ", ".join(f'"{each}"' for each in targets)}
        addresses |= {PROMETHEUS: self.address, ALERTMANAGER: self.alertmanager}
        return write_prometheus(self._folder, self._speed, addresses)

    @contextlib.contextmanager
    def told(self, providers="http://127.0.0.1:9"):
        """Somebody to whom it tells, and who tells the providers."""
        file = write_alertmanager(self._folder, self._speed, providers)
        command = alertmanager_command(self._folder, file, self._alertmanager_port)
        with running("alertmanager", command, self._folder) as program:
            program.answers(f"http://{self.alertmanager}/-/ready")
            yield

    def asked(self, query):
        answer = httpx.get(f"http://{self.address}/api/v1/query", params={"query": query}).json()
        assert answer["status"] == "success", (query, answer)
        return answer["data"]["result"]

    def fires(self, page, target):
        """The alert of a page, for a node or for all; of one that has two severities, the critical."""
        text = (RUNBOOKS / f"{page}.md").read_text("utf-8")
        severity = "critical" if "`, critical" in text else "warning"
        labels = f'alertname="{_ALERT.search(text)[1]}", severity="{severity}"'
        node = f', instance=~"({re.escape(target)})?"'.replace("\\", "\\\\") if target else ""
        return self.asked(f'ALERTS{{alertstate="firing", {labels}{node}}}')
