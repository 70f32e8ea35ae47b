"""Servers of the system's packages for the tests: started on free ports, always stopped.

Each runs in the foreground, in a folder of its own and as the user that runs the tests.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from postgres_server import free_port
from serving import SECONDS, until


def program(name):
    """Where a program is, None where it is not installed."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


class ServerProcess:
    """A program that listens on a port. It can be killed, frozen and started again."""

    def __init__(self, name, port, arguments):
        self.name, self.port = name, port
        self.folder = Path(tempfile.mkdtemp(prefix=f"backstory-{name}-"))
        self._command = [program(name), *arguments(self)]
        self._process = None

    def start(self):
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._listens, f"the start of {self.name}")

    def _listens(self):
        assert self._process.poll() is None, f"{self.name} ended: {self.said()}"
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def said(self):
        return (self.folder / "log").read_text(errors="replace")

    @property
    def pid(self):
        return self._process.pid

    def signal(self, number):
        self._process.send_signal(number)

    def freeze(self):
        """It keeps its connections and answers nothing, as behind a network that drops all."""
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def stop(self):
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def _end(self, number):
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self.signal(number)
        if self._process is not None:
            self._process.wait(SECONDS)
            with contextlib.suppress(ProcessLookupError):  # workers that outlived their master
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def running(name, arguments, port=None):
    """The program, once it listens; None where it is not installed.

    `arguments` is called with the process, whose `port` and `folder` they may name.
    """
    if program(name) is None:
        yield None
        return
    server = ServerProcess(name, port or free_port(), arguments)
    try:
        server.start()
        yield server
    finally:
        server.close()


def redis(*, tls=False, **settings):
    """A Redis that keeps nothing on disk; `maxmemory="8mb"` and the like are its own settings."""

    def arguments(server):
        options = {
            "port": 0 if tls else server.port,
            "tls-port": server.port if tls else 0,
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no",
            "dir": server.folder,
        } | settings
        return [word for name, value in options.items() for word in (f"--{name}", str(value))]

    return running("redis-server", arguments)


def memcached(*more):
    """A Memcached; `more` are its own options."""

    def arguments(server):
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        return ["-l", "127.0.0.1", "-p", str(server.port), "-m", "64", *user, *more]

    return running("memcached", arguments)


MISSING = {
    "redis": "Redis is not installed: `apt-get install redis-server`",
    "memcached": "Memcached is not installed: `apt-get install memcached`",
    "nginx": "nginx is not installed: `apt-get install nginx`",
    "socat": "socat is not installed: `apt-get install socat`",
    "haproxy": "HAProxy is not installed: `apt-get install haproxy`",
    "prometheus": "Prometheus is not installed: `apt-get install prometheus`",
    "alertmanager": "Alertmanager is not installed: `apt-get install prometheus-alertmanager`",
}
