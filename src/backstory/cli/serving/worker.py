"""A worker: a process that serves for a supervisor, on its socket.

It is spawned, not forked, since SQLite's locks do not survive a fork, and loads its settings
from the environment. What the supervisor tells it comes as signals, of which a worker does
each as often as it comes: a terminal and a service manager send theirs to the whole group.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Final

import click
from uvicorn.supervisors.multiprocess import Process

from backstory.cli.serving import logs, one
from backstory.cli.serving.secret import local_token
from backstory.cli.serving.stopping import Server
from backstory.config import load
from backstory.errors import BackstoryError

STOP: Final = signal.SIGTERM
"""The node stops."""
RETIRE: Final = signal.SIGUSR1
"""This worker stops, and others serve the socket."""
HURRY: Final = signal.SIGUSR2

FAILED_START: Final = 3  # as uvicorn's own workers say it


class Worker(Process):
    """A worker as its supervisor sees it; `target` is what runs in the new process."""

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to stop.

        Raises:
            SystemExit: the store cannot be opened; it is said why.
        """
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor hears it, and tells
        ready = threading.Event()
        threading.Thread(target=self._answer, args=(ready,), daemon=True).start()
        assert sockets, "a supervisor hands its socket down"
        try:
            settings = load()
            logs.configure(settings)
            secret = local_token(settings)
            one.run(settings, secret[0] if secret else None, sockets[0], ready.set, _Server)
        except BackstoryError as error:
            click.echo(f"error: {error.detail} ({error.code})", err=True)
            raise SystemExit(1 if ready.is_set() else FAILED_START) from None

    def _answer(self, ready: threading.Event) -> None:
        """Tell the supervisor, whenever it asks, whether requests are taken."""
        while True:
            self.child_conn.recv()
            self.child_conn.send(ready.is_set())

    def tell(self, number: int) -> None:
        """Send a signal, if the worker runs."""
        if self.process.is_alive() and self.pid is not None:
            os.kill(self.pid, number)


class _Server(Server):
    """Does what the supervisor says, and stops when it is gone."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._stop_with_parent()
        await super().startup(sockets)

    def handlers(self) -> Mapping[int, Callable[[], None]]:
        return {STOP: self._told, RETIRE: self._retire, HURRY: self.hurry}

    def _told(self) -> None:
        self.should_exit = True

    def _retire(self) -> None:
        if not self.should_exit:
            self.stays_open = self.should_exit = True

    def _stop_with_parent(self) -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None, "a worker was started by somebody"
        loop = asyncio.get_running_loop()
        sentinel = parent.sentinel

        def gone() -> None:
            loop.remove_reader(sentinel)
            self._told()

        loop.add_reader(sentinel, gone)
