"""The load balancers of `deploy/`, before real nodes: the files as they are, but for addresses.

Until there are tokens, nodes are in local mode and refuse whatever came through a proxy; so the
block that tells nodes of one is left out. `FORWARDED` is the place to put it back.
"""

import contextlib
import os
import re
from pathlib import Path

import server_process
from postgres_server import free_port
from serving import Server, until

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
FORWARDED = re.compile(r"^ *# begin forwarded.*?# end forwarded\n", re.MULTILINE | re.DOTALL)
NODES = ("127.0.0.1:8765", "127.0.0.1:8766")
FILES = {"haproxy": "haproxy/backstory.cfg", "nginx": "nginx/backstory.conf"}
NAMES = tuple(FILES)


class Node:
    """One node of several, on a port of its own, that can be stopped and started again."""

    def __init__(self, folder, store, *flags, **options):
        folder.mkdir()
        self.folder, self.store, self.flags, self.port = folder, store, flags, free_port()
        self.server, self.options = None, options

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def begin(self):
        flags = ("--port", str(self.port), *self.flags)
        self.server = Server(self.folder, *flags, store=self.store, **self.options)
        return self

    def start(self):
        self.begin().server.wait_until_ready()

    def stop(self):
        """Tell it to stop, and wait until it has; the exit code."""
        code = self.server.stop()
        self.server.close()
        return code

    def close(self):
        if self.server is not None:
            self.server.close()

    def connections(self):
        """How many connections the kernel has for it."""
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        ours = f":{self.port:04X}"
        return sum(line.split()[1].endswith(ours) and line.split()[3] == "01" for line in lines)


@contextlib.contextmanager
def nodes(folder, store, *flags, count=2):
    """Nodes that share a store, all ready."""
    found = [Node(folder / f"node{number}", store, *flags) for number in range(1, count + 1)]
    try:
        for node in found:
            node.begin()
        for node in found:
            node.server.wait_until_ready()
        yield found
    finally:
        for node in found:
            node.close()


def configuration(name, port, addresses, change=lambda text: text):
    """The file of `deploy/` with other addresses."""
    text = change(FORWARDED.sub("", (DEPLOY / FILES[name]).read_text()))
    for shown, address in zip(NODES, addresses, strict=True):
        assert shown in text
        text = text.replace(shown, address)
    listen = {
        "haproxy": ("*:8080", f"127.0.0.1:{port}"),
        "nginx": ("listen 8080", f"listen {port}"),
    }
    return text.replace(*listen[name])


def arguments(name, addresses, change=lambda text: text):
    """How a program is started in the foreground, as `server_process.running` asks for it."""

    def found(server):
        text = configuration(name, server.port, addresses, change)
        file = server.folder / f"backstory.{name}"
        file.write_text(text)
        if name == "haproxy":
            return ["-db", "-f", str(file)]
        main = server.folder / "nginx.conf"
        main.write_text(around(server.folder, file))
        return ["-p", str(server.folder), "-c", str(main)]

    return found


def around(folder, file):
    """What stands around the file that is included, on a machine where nothing is installed."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root;" if os.getuid() == 0 else ""
    return f"""
        daemon off; {user} worker_processes 2; pid {folder}/pid; error_log stderr info;
        events {{ worker_connections 2048; }}
        http {{ access_log off; {temporary} include {file}; }}
    """


@contextlib.contextmanager
def balancing(name, found, change=lambda text: text):
    """The program before nodes, once it listens; None where it is not installed."""
    addresses = [node.address for node in found]
    with server_process.running(name, arguments(name, addresses, change)) as balancer:
        yield balancer


def told(balancer, number, state, backend="ready"):
    """How often HAProxy has found a node UP or DOWN for everything, or for copies."""
    return balancer.said().count(f"Server {backend}/node{number + 1} is {state}")


def ups(balancer, number):
    """How often HAProxy has found a node UP for all."""
    return min(told(balancer, number, "UP", backend) for backend in ("ready", "copies"))


def wait_for(name, balancer, number, node, before):
    """Until requests are sent to a node that has come back; `before` is what `ups` was."""
    if name == "haproxy":
        until(lambda: ups(balancer, number) > before, "its return")
    else:
        until(lambda: node.connections() > 0, "its return")
