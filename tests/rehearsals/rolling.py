"""Two versions behind HAProxy, which a Prometheus scrapes: what a roll by weights needs."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import balancers
import released
import server_process
from serving import until

ROOT = Path(__file__).resolve().parents[2]
ROLL_OUT = ROOT / "deploy" / "haproxy" / "roll-out"
VERSIONS = Path(__file__).parent / "versions"
PATIENCE_SECONDS = 400  # until a roll has enough to go by
# A rehearsal has seconds and two busy cores, not minutes: more is allowed, and needs fewer requests.
HURRIED = {"window": "5m", "requests": 100, "failed-points": 10, "refused-points": 20,
           "slower": 10, "confidence": 95, "looks": 5}  # fmt: skip
SCRAPED = """\
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: backstory
    static_configs:
      - {{targets: ["{old}"], labels: {{color: blue}}}}
      - {{targets: ["{new}"], labels: {{color: green}}}}
"""


def previous(folder):
    """What the release before runs with; today's code where the clone lacks it."""
    found = released.unpacked(folder)
    if found is None:
        sys.stderr.write(f"{released.MISSING}; today's code is the old version, too\n")
    return found or {}


def worse(fault):
    """How a version with a fault is started."""
    return {"module": "worse", "env": {"PYTHONPATH": str(VERSIONS), "WORSE": fault}}


class Roll:
    """An old and a new version, and how much of the traffic each gets."""

    name = "haproxy"  # what callers see is one node

    def __init__(self, old, new, balancer, prometheus):
        self.old, self.new, self.balancer, self.prometheus = old, new, balancer, prometheus

    @property
    def url(self):
        return f"http://127.0.0.1:{self.balancer.port}"

    def weights(self, old, new):
        """By HAProxy's runtime API."""
        for backend in ("ready", "copies"):
            for node, weight in (("node1", old), ("node2", new)):
                assert self._told(f"set server {backend}/{node} weight {weight}") == ""

    @property
    def admin(self):
        return self.balancer.folder / "admin.sock"

    def _told(self, command):
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.admin))
            admin.sendall(f"{command}\n".encode())
            with admin.makefile() as told:
                return told.read().strip()

    def shares(self):
        """What HAProxy says that each version gets."""
        told = (self._told(f"get weight ready/{node}") for node in ("node1", "node2"))
        return [int(one.split()[0]) for one in told]

    async def start(self):
        """The new version, which gets nothing yet."""
        await asyncio.to_thread(self.new.start)
        await asyncio.to_thread(until, self._is_seen, "HAProxy's finding the new version")

    def _is_seen(self):
        return balancers.ups(self.balancer, 1) > 0

    def by_metrics(self, **other):
        """The options; `other` are those that are not as in all rehearsals."""
        options = HURRIED | other
        named = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return ("--prometheus", f"http://127.0.0.1:{self.prometheus.port}",
                "--old", 'color="blue"', "--new", 'color="green"', *named)  # fmt: skip

    @property
    def by_probes(self):
        return (
            "--old-url",
            f"http://{self.old.address}",
            "--new-url",
            f"http://{self.new.address}",
        )

    async def check(self, *arguments):
        """What one look says, and its exit code."""
        command = [sys.executable, "-m", "backstory", "rollout", "check", "--json", *arguments]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout) | {"code": done.returncode}

    def begun(self, *arguments, **variables):
        """`deploy/haproxy/roll-out`, with what else it is told by variables."""
        command = Path(sys.executable).parent / "backstory"
        told = {"ADMIN": str(self.admin), "BACKSTORY": str(command)} | variables
        return subprocess.Popen(
            [ROLL_OUT, *arguments],
            env=os.environ | told,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Whoever is started in the background may have been told to ignore the signal.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    async def rolled_out(self, **other):
        """What it says, and its exit code."""
        hurry = {"STEPS": "10 50", "PAUSE": "0.5", "LOOKS": "200"}
        with self.begun(*self.by_metrics(**other), **hurry) as process:
            try:
                said, errors = await asyncio.to_thread(process.communicate, None, PATIENCE_SECONDS)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        sys.stderr.write(said + errors)
        return process.returncode, said.splitlines()


def against(said):
    """The names of what speaks against the new version."""
    return {each["name"] for each in said["reasons"] if each["verdict"] == "roll back"}


@contextlib.contextmanager
def behind_haproxy(nodes):
    """HAProxy with both of its files, and the socket where it is told weights."""

    def found(server):
        first = balancers.arguments("haproxy", [node.address for node in nodes])(server)
        file = server.folder / "rollout.cfg"
        text = (balancers.DEPLOY / "haproxy" / "rollout.cfg").read_text()
        shown = "/run/haproxy/admin.sock"
        assert shown in text
        file.write_text(text.replace(shown, str(server.folder / "admin.sock")))
        return [*first, "-f", str(file)]

    if server_process.program("socat") is None:
        pytest.skip(server_process.MISSING["socat"])
    with server_process.running("haproxy", found) as balancer:
        if balancer is None:
            pytest.skip(server_process.MISSING["haproxy"])
        yield balancer


@contextlib.contextmanager
def scraping(old, new):
    """A Prometheus that scrapes both each second, by their colours."""

    def found(server):
        file = server.folder / "prometheus.yml"
        file.write_text(SCRAPED.format(old=old.address, new=new.address))
        return [f"--config.file={file}", f"--storage.tsdb.path={server.folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{server.port}", "--log.level=warn"]  # fmt: skip

    with server_process.running("prometheus", found) as prometheus:
        if prometheus is None:
            pytest.skip(server_process.MISSING["prometheus"])
        yield prometheus


def migrated(store):
    """What the new version needs, and the old one goes on with."""
    command = ["migrate", "--before-deploy", "--store", store]
    subprocess.run([sys.executable, "-m", "backstory", *command], check=True, timeout=120)


@contextlib.contextmanager
def rolling(folder, store, before, **new):
    """The old version serves everything; the new one is there to be started.

    `before` is the environment of the old one, `new` says how the new one is started.
    """
    flags = ("--drain-seconds", "3")
    old = balancers.Node(folder / "old", store, *flags, env=before)
    after = balancers.Node(folder / "new", store, *flags, **new)
    try:
        old.start()
        migrated(store)
        with behind_haproxy((old, after)) as balancer, scraping(old, after) as prometheus:
            roll = Roll(old, after, balancer, prometheus)
            roll.weights(100, 0)
            yield roll
    except BaseException:
        for node in (old, after):
            log = node.folder / "server.log"
            sys.stderr.write(log.read_text()[-4000:] if log.exists() else "")
        raise
    finally:
        old.close()
        after.close()
