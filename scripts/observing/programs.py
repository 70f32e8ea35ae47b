"""The programs that are observed and observe: how each is started, and that it ends with us."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")  # Debian's name, and its own
START_SECONDS = 60
STOP_SECONDS = 20


class NotStartedError(Exception):
    """A program did not come to answer."""


@dataclass
class Program:
    """A running one, with the file that it writes to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def answers(self, url: str, with_word: str = "") -> None:
        """Waits until an URL is answered with 200, and with a word.

        Raises:
            NotStartedError: it has ended, or the time is over.
        """
        end = time.monotonic() + START_SECONDS
        while not _is_there(url, with_word):
            if self.process.poll() is not None or time.monotonic() > end:
                said = self.log.read_text(errors="replace")[-2000:]
                raise NotStartedError(f"{self.name} did not start; it said:\n{said}")
            time.sleep(0.05)

    def pause(self) -> None:
        """It keeps its connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ends it; by force where it does not listen."""
        self.resume()
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _is_there(url: str, word: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return answer.status == 200 and word.encode() in answer.read()
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def running(
    name: str, command: list[str], folder: Path, more: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """A program that writes its log into a folder. It is of our group, and ends with it."""
    log = folder / f"{name}.log"
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=os.environ | dict(more or {}),
        )
    program = Program(name, process, log)
    try:
        yield program
    finally:
        program.stop(signal.SIGINT if name == "load" else signal.SIGTERM)


def missing() -> list[str]:
    """Those of the system's packages that are not installed."""
    there = {
        "prometheus": shutil.which("prometheus"),
        "prometheus-alertmanager": next(filter(None, map(shutil.which, ALERTMANAGER)), None),
    }
    return [package for package, found in there.items() if found is None]


def port_of(wanted: int) -> int:
    """The port, which is free; any where 0 is wanted.

    Raises:
        NotStartedError: somebody listens there.
    """
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise NotStartedError(
                f"port {wanted} cannot be had, choose another ({error})"
            ) from None
        return int(one.getsockname()[1])


def server_command(port: int, store: str, flags: list[str]) -> list[str]:
    words = ["serve", "--port", str(port), "--store", store, *flags]
    return [sys.executable, "-m", "backstory", *words]


def load_command(url: str, users: int) -> list[str]:
    return [sys.executable, str(ROOT / "examples" / "load"), url, "--users", str(users)]


def prometheus_command(folder: Path, file: Path, port: int) -> list[str]:
    """Everything that it keeps is kept in the folder."""
    return [
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'prometheus-data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--rules.alert.resend-delay=1s",
        "--log.level=warn",
    ]


def alertmanager_command(folder: Path, file: Path, port: int) -> list[str]:
    """Alone: without the port by which several find each other."""
    name = next((name for name in ALERTMANAGER if shutil.which(name)), ALERTMANAGER[0])
    return [
        name,
        f"--config.file={file}",
        f"--storage.path={folder / 'alertmanager-data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
