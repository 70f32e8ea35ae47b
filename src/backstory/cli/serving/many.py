"""A supervisor and its workers.

The supervisor holds the socket and opens no store: SQLite's locks do not survive a fork, and
workers are spawned, not forked. Settings reach them through the environment. They stay in the
supervisor's process group, and stop when it is gone.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, MutableMapping
from contextlib import AsyncExitStack
from types import FrameType
from typing import Any, Final

import click
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from backstory.cli.serving import logs
from backstory.cli.serving.one import SERVER, SIGNALS
from backstory.cli.serving.secret import local_token
from backstory.cli.serving.secure import tls_arguments
from backstory.cli.serving.turns import settle
from backstory.config import TABLE, Settings, load
from backstory.errors import BackstoryError
from backstory.wiring import Running, open_app

_APP: Final = f"{__name__}:Worker"
_FAILED_STARTUP: Final = 3  # uvicorn's exit code for it
_START_SECONDS: Final = 60.0


def run(settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until a signal comes; `ready` is called once all workers take requests.

    Raises:
        SystemExit: the workers cannot start; the first has said why.
    """
    hand_down(settings, os.environ)
    config = uvicorn.Config(
        _APP,
        factory=True,
        lifespan="on",
        loop="uvloop",
        workers=settings.workers,
        timeout_worker_healthcheck=int(_START_SECONDS),
        **SERVER,
        **tls_arguments(settings),
    )
    supervisor = Supervisor(config, [listener], ready)
    supervisor.run()
    if supervisor.failed:
        raise SystemExit(1)


def hand_down(settings: Settings, environ: MutableMapping[str, str]) -> None:
    """Write all settings into an environment, so that a child loads the same."""
    environ.pop("BACKSTORY_CONFIG", None)
    for name, setting in TABLE.items():
        value = getattr(settings, name)
        if isinstance(value, tuple):
            text = ",".join(value)
        elif isinstance(value, bool):
            text = "true" if value else "false"
        else:
            text = "" if value is None else str(value)
        environ[setting.variable] = text


class Supervisor(Multiprocess):
    """Starts one worker first: what stops it would stop them all, and is said once."""

    def __init__(
        self, config: uvicorn.Config, sockets: list[socket.socket], ready: Callable[[], None]
    ) -> None:
        super().__init__(config, sockets)
        self._ready = ready
        self.failed = False

    def init_processes(self) -> None:
        self._start(1)
        if not self.should_exit.is_set():
            self._start(self.processes_num - 1)
        if not self.should_exit.is_set():
            self._ready()

    def _start(self, count: int) -> None:
        """Start workers and wait until they take requests, one fails, or a signal comes."""
        started = [Process(self.config, self.sockets) for _ in range(count)]
        for process in started:
            process.start()
        self.processes += started
        while started and not self.should_exit.is_set():
            self.handle_signals()
            if not all(process.process.is_alive() for process in started):
                self.failed = True
                self.should_exit.set()
            started = [process for process in started if not process.is_ready(timeout=0.2)]

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        if any(process.exitcode == _FAILED_STARTUP for process in self.processes):
            self.failed = True

    def join_all(self) -> None:
        """Wait for the workers to finish; a second signal means now."""
        for process in self.processes:
            while process.process.is_alive():
                process.process.join(0.2)
                if any(number in SIGNALS for number in self.signal_queue):
                    self._kill_all()

    def _kill_all(self) -> None:
        for process in self.processes:
            process.process.kill()


class Worker:
    """The application of one worker: it opens the store when the server starts, never before."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            assert self._app is not None, "no request comes before the start is complete"
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                running = await self._open(stack)
            except BackstoryError as error:
                click.echo(f"error: {error.detail} ({error.code})", err=True)
                logging.getLogger("uvicorn.error").disabled = True  # it is said already
                await send({"type": "lifespan.startup.failed", "message": error.detail})
                return
            self._app = running.app
            settle()
            _drain_on_signal(running)
            _stop_with_parent()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _open(self, stack: AsyncExitStack) -> Running:
        settings = load()
        logs.configure(settings)
        secret = local_token(settings)
        return await stack.enter_async_context(open_app(settings, secret[0] if secret else None))


def _drain_on_signal(running: Running) -> None:
    """Let watchers go when the server is told to stop, before it waits for their answers."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        before: Any = signal.getsignal(number)

        def stop(number: int, frame: FrameType | None, before: Any = before) -> None:
            loop.call_soon_threadsafe(running.drain)
            before(number, frame)

        signal.signal(number, stop)


def _stop_with_parent() -> None:
    """A worker whose supervisor was killed stops like one that was told to."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    loop = asyncio.get_running_loop()

    def gone() -> None:
        loop.remove_reader(parent.sentinel)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(parent.sentinel, gone)
