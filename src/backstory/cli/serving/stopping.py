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
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import uvicorn

from backstory import __version__, limits
from backstory.cli.serving import patience
from backstory.cli.serving.direct import Direct
from backstory.cli.serving.protocol import BoundedProtocol, State
from backstory.cli.serving.refusing import let_nobody_in
from backstory.observability.logs.setup import present
from backstory.transports.edge.pacing import Network
from backstory.wiring import Running

logger = logging.getLogger(__name__)

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
        self._state.direct = Direct(running.at_once, running.shortly)
        self._running = running
        self._ready = ready
        self.drain_seconds = drain_seconds
        self._sockets: list[socket.socket] = []
        self._hurried = asyncio.Event()
        self.ops: tuple[socket.socket, uvicorn.Config] | None = None
        """The socket for operators, and what is served there."""
        self._ops_server: asyncio.Server | None = None
        self.stays_open = False
        """Whether others go on serving the socket when this process is gone."""

    def bound(self, most_each: int, trusted: Sequence[Network]) -> None:
        """How many connections an address may have, 0 for any number; but for those of `trusted`."""
        self._state.most_each, self._state.trusted = most_each, trusted

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._sockets = sockets or []
        await super().startup(sockets)
        if self.ops is not None:
            self._ops_server = await self._listen(*self.ops)
        # The line that says which release the lines around it are of.
        logger.info("requests are taken", extra={"version": __version__})
        self._ready()

    async def _listen(self, listener: socket.socket, config: uvicorn.Config) -> asyncio.Server:
        """Another socket, with an application of its own, without TLS."""
        config.load()
        make = partial(BoundedProtocol, config=config, server_state=self._state, app_state={})
        return await asyncio.get_running_loop().create_server(make, sock=listener)

    async def on_tick(self, counter: int) -> bool:
        if counter % limits.PATIENCE_TICKS == 0:
            held = [one for one in self._state.connections if isinstance(one, BoundedProtocol)]
            patience.look(held, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def main_loop(self) -> None:
        await super().main_loop()
        if self.drain_seconds:
            await self._drain()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hurried.set()  # from here on, to hurry is to end
        self._running.drain()
        if self._ops_server is not None:
            self._ops_server.close()
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
            log = present()
            if log is not None:
                log.flush()
            os._exit(128 + signal.SIGTERM)
        self._hurried.set()
