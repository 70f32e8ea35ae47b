"""A worker: a process that serves for a supervisor, on its socket.

It is spawned, not forked, since SQLite's locks do not survive a fork, and loads its settings
from the environment. What the supervisor tells it comes as signals, of which a worker does
each as often as it comes: a terminal and a service manager send theirs to the whole group.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Final

import click

from backstory import limits
from backstory.cli.serving.pulse import Pulse
from backstory.cli.serving.sockets import Sockets
from backstory.errors import BackstoryError
from backstory.observability.crew import Crew, Reason

STOP: Final = signal.SIGTERM
"""The node stops."""
RETIRE: Final = signal.SIGUSR1
"""This worker stops, and others serve the socket."""
HURRY: Final = signal.SIGUSR2

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Worker:
    """A worker as its supervisor sees it. Times are seconds of the monotonic clock."""

    def __init__(self, sockets: Sockets, crew: Crew) -> None:
        self._pulse = Pulse()
        self.process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(sockets, self._pulse, crew)
        )
        self.begun_at = self._forgiven_at = time.monotonic()
        self.process.start()

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    @property
    def ended(self) -> bool:
        return not self.process.is_alive()

    @property
    def ready_at(self) -> float | None:
        """Since when it takes requests."""
        return self._pulse.ready_at or None

    def trouble(self, now: float, silence: float) -> Reason | None:
        """Why it has to be replaced, if it has. `silence` is what it may keep; 0 for any."""
        if self.ready_at is None:
            late = now - max(self.begun_at, self._forgiven_at) > limits.WORKER_START_SECONDS
            return "start" if self.ended or late else None
        if self.ended:
            return "died"
        heard = max(self._pulse.beat_at, self._forgiven_at)
        return "silent" if silence and now - heard > silence else None

    def forgive(self, now: float) -> None:
        """Its silence until now has a reason: nobody could have said anything."""
        self._forgiven_at = now

    def how_it_ended(self) -> str:
        code = self.process.exitcode or 0
        if code >= 0:
            return f"exit code {code}"
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
        return f"signal {-code}"

    def memory(self) -> int | None:
        """Bytes that are its own, neither files nor shared; None where there is no way to tell."""
        try:
            _, resident, shared, *_ = Path(f"/proc/{self.pid}/statm").read_text().split()
        except (OSError, ValueError):
            return None
        return (int(resident) - int(shared)) * _PAGE

    def tell(self, number: int) -> None:
        """Send a signal, if it runs."""
        if not self.ended and self.process.pid is not None:
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it now, and wait for that, unless the system itself holds it."""
        self.process.kill()
        self.process.join(limits.WORKER_KILLED_SECONDS)


def serve(sockets: Sockets, pulse: Pulse, crew: Crew) -> None:
    """What runs in the new process: serve until told to stop.

    Raises:
        SystemExit: the store cannot be opened; it is said why.
    """
    from backstory.cli.serving import logs, one
    from backstory.cli.serving.leaving import worker_server
    from backstory.cli.serving.secret import local_token
    from backstory.config import load

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor hears it, and tells
    try:
        settings = load()
        logs.configure(settings)
        secret = local_token(settings)
        token = secret[0] if secret else None
        one.run(settings, token, sockets, pulse.begin, make=worker_server, crew=crew)
    except BackstoryError as error:
        click.echo(f"error: {error.detail} ({error.code})", err=True)
        raise SystemExit(1) from None
