"""What a failure is, callers who go on meanwhile, and Prometheus over all nodes."""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from observing.profile import write_prometheus
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
    """A node with a failure, and what mends it as the pages say that tell of it."""

    node: str
    mend: Callable[[], object]
    store: str = ""
    scraped: str = ""
    addresses: dict = field(default_factory=dict)  # where others are that its page shows

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


def _listed(addresses):
    return ", ".join(f'"{each}"' for each in addresses)


class Watch:
    """Prometheus over nodes, with the rules as they are shipped, in a hurry."""

    def __init__(self, folder, alertmanager_port):
        self._folder, self._port = folder, alertmanager_port
        self.address, self.alertmanager = "", f"127.0.0.1:{alertmanager_port}"

    @contextlib.contextmanager
    def over(self, failures):
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        nodes = [one.target for one in failures if one.node]
        others = [one.addresses.get(ALERTMANAGER) for one in failures]
        told = [self.alertmanager, *filter(None, others)]
        addresses = {f'"{NODE}"': _listed(nodes), f'"{ALERTMANAGER}"': _listed(told)}
        addresses |= {PROMETHEUS: self.address}
        file = write_prometheus(self._folder, SPEED, addresses)
        command = prometheus_command(self._folder, file, port)
        with running("prometheus", command, self._folder) as program:
            program.answers(f"http://{self.address}/-/ready")
            yield self

    @contextlib.contextmanager
    def told(self):
        """Somebody to whom it tells."""
        from observing.profile import write_alertmanager

        file = write_alertmanager(self._folder, SPEED, "http://127.0.0.1:9")
        command = alertmanager_command(self._folder, file, self._port)
        with running("alertmanager", command, self._folder) as program:
            program.answers(f"http://{self.alertmanager}/-/ready")
            yield

    def asked(self, query):
        answer = httpx.get(f"http://{self.address}/api/v1/query", params={"query": query}).json()
        assert answer["status"] == "success", (query, answer)
        return answer["data"]["result"]

    def fires(self, page):
        """The alert of a page; of one that has two severities, the critical."""
        text = (RUNBOOKS / f"{page}.md").read_text("utf-8")
        severity = "critical" if "`, critical" in text else "warning"
        query = 'ALERTS{alertname="%s", alertstate="firing", severity="%s"}'
        return self.asked(query % (_ALERT.search(text)[1], severity))
