"""A container of an image whose files are in a folder, started as a runtime would: by the kernel's
own namespaces, without a daemon."""

import os
import shutil
import signal
import subprocess
import time

import httpx

from postgres_server import free_port
from serving import SECONDS, children_of, until

# The kernel's part of a container: a root that cannot be written, a /tmp and a volume that can, no
# rights, and the first number among its processes.
_ENTER = """
mount --bind "$ROOT" "$AT" &&
mount --bind "$DATA" "$AT/var/lib/backstory" &&
mount -t tmpfs -o mode=1777,size=64m tmpfs "$AT/tmp" &&
mount -t proc -o nosuid,nodev,noexec proc "$AT/proc" &&
mount --rbind /dev "$AT/dev" &&
mount -o remount,bind,ro "$AT" &&
cd "$AT" && exec "$@"
"""


class Container:
    """A container of the image, as `--read-only --tmpfs /tmp --volume DATA` would start it."""

    def __init__(self, root, config, folder, **settings):
        self.port = free_port()
        self.data, self.log = folder / "data", folder / "log"
        self._root, self._at, self._config = root, folder / "root", config
        self.data.mkdir(exist_ok=True)
        self._at.mkdir(exist_ok=True)
        os.chown(self.data, *(int(number) for number in config["User"].split(":")))
        self._settings = {"BACKSTORY_HOST": "127.0.0.1", "BACKSTORY_PORT": self.port} | settings
        self._process = None
        self.seconds_to_ready = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        """The first process in the container, as this machine numbers it."""
        return next(iter(children_of(self._process.pid)))

    def _command(self, words):
        environment = dict(each.split("=", 1) for each in self._config["Env"])
        environment |= {name: str(value) for name, value in self._settings.items()}
        unshare = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            _ENTER,
            "sh",
        ]
        plain = ["env", "-i", *(f"{name}={value}" for name, value in environment.items())]
        enter = [shutil.which("chroot"), f"--userspec={self._config['User']}", "--groups=", "."]
        return [*unshare, *plain, *enter, *words]

    def _popen(self, words, **streams):
        return subprocess.Popen(
            self._command(words),
            env=os.environ | {"ROOT": str(self._root), "AT": str(self._at), "DATA": str(self.data)},
            stdin=subprocess.DEVNULL,
            **streams,
        )

    def run(self, *words):
        """Exit code and words of a command beside the server, in a container of the same image."""
        pipe = subprocess.PIPE
        with self._popen(words, stdout=pipe, stderr=subprocess.STDOUT, text=True) as process:
            return process.wait(SECONDS), process.stdout.read()

    def check(self):
        """What the image's own health check says."""
        kind, *words = self._config["Healthcheck"]["Test"]
        assert kind == "CMD", "there is no shell to run it"
        return self.run(*words)

    def start(self, *more):
        begun = time.monotonic()
        with self.log.open("ab") as log:
            words = [*self._config["Entrypoint"], *self._config["Cmd"], *more]
            self._process = self._popen(words, stdout=log, stderr=log)
        until(self._is_ready, "a container that is ready")
        self.seconds_to_ready = time.monotonic() - begun

    def _is_ready(self):
        assert self._process.poll() is None, f"the container ended: {self.log.read_text()}"
        try:
            return httpx.get(f"{self.url}/readyz", timeout=SECONDS).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self):
        """The exit code, after the signal that the image names."""
        os.kill(self.pid, signal.Signals[self._config["StopSignal"]])
        return self._process.wait(SECONDS)

    def close(self):
        if self._process is not None and self._process.poll() is None:
            self._process.kill()  # and so is what it started
            self._process.wait(SECONDS)
