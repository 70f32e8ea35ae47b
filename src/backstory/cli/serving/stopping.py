"""A server that stops so that nobody notices.

    asked to stop   `/readyz` falls and each answer closes its connection, so that whoever stands
                    before the node sends new requests elsewhere; all that still comes is served
    drained         after `drain_seconds`: no connection begins any more, and the socket closes
    let go          long polls answer, streams end; requests under way are finished
    ended           after `limits.SHUTDOWN_SECONDS` at the latest

Without a drain it begins with the last but one. A second signal ends the drain, or the process.
Reasons: docs/decisions/0034-draining.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import uvicorn

from backstory import limits
from backstory.cli.serving.protocol import State
from backstory.cli.serving.refusing import let_nobody_in
from backstory.wiring import Running

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_TICK_SECONDS: Final = 0.1


class Server(uvicorn.Server):
    """Drains before it stops, and returns when it was told to stop."""

    def __init__(
        self,
        config: uvicorn.Config,
        running: Running,
        ready: Callable[[], None],
        drain_seconds: float,
    ) -> None:
        super().__init__(config)
        self.server_state = self._state = State()
        self._running = running
        self._ready = ready
        self.drain_seconds = drain_seconds
        self._sockets: list[socket.socket] = []
        self._hurried = asyncio.Event()
        self.stays_open = False
        """Whether others go on serving the socket when this process is gone."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._sockets = sockets or []
        await super().startup(sockets)
        self._ready()

    async def main_loop(self) -> None:
        await super().main_loop()
        if self.drain_seconds:
            await self._drain()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hurried.set()  # from here on, to hurry is to end
        self._running.drain()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        self._state.leaving = True
        if self.stays_open:
            self._close_listeners()
        else:
            self._running.leave()
        await self._serve_on()
        if not self.stays_open:
            for listener in self._sockets:
                let_nobody_in(listener)
            await asyncio.sleep(limits.REFUSE_SECONDS)  # those who have begun are taken meanwhile
            self._close_listeners()
        # Whoever was taken last sends its request, or has done so.
        await asyncio.sleep(limits.REFUSE_SECONDS)

    async def _serve_on(self) -> None:
        loop = asyncio.get_running_loop()
        end, ticks = loop.time() + self.drain_seconds, 0
        while loop.time() < end and not self._hurried.is_set():
            if self.stays_open and not self._state.connections:
                return
            await self.on_tick(ticks)
            ticks += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._hurried.wait()

    def _close_listeners(self) -> None:
        for server in self.servers:
            server.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handlers = self.handlers()
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    def handlers(self) -> Mapping[int, Callable[[], None]]:
        """What is done at which signal."""
        return dict.fromkeys(SIGNALS, self._stop)

    def _stop(self) -> None:
        if self.should_exit:
            self.hurry()
        self.should_exit = True

    def hurry(self) -> None:
        """Drain no longer; or, after that, end now: what is acknowledged is on the disk."""
        if self._hurried.is_set() or not self.drain_seconds:
            os._exit(128 + signal.SIGTERM)
        self._hurried.set()
