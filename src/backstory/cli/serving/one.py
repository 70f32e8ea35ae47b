"""One process that serves, and stops gracefully."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import uvicorn
import uvloop

from backstory import limits
from backstory.cli.serving.protocol import BoundedProtocol
from backstory.cli.serving.secure import tls_arguments
from backstory.cli.serving.turns import settle
from backstory.config import Settings
from backstory.wiring import Running, open_app

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

SERVER: Final[dict[str, Any]] = {
    "http": BoundedProtocol,
    "ws": "none",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    # Who speaks for another is refused by the guard, and must not be believed before it.
    "proxy_headers": False,
    "timeout_keep_alive": limits.KEEP_ALIVE_SECONDS,
    "timeout_graceful_shutdown": limits.SHUTDOWN_SECONDS,
}
"""How uvicorn is set, in one process as in many."""


def run(
    settings: Settings, token: str | None, listener: socket.socket, ready: Callable[[], None]
) -> None:
    """Serve until a signal comes; `ready` is called once requests are taken.

    Raises:
        StoreError: the store cannot be opened.
    """
    uvloop.run(_serve(settings, token, listener, ready))


async def _serve(
    settings: Settings, token: str | None, listener: socket.socket, ready: Callable[[], None]
) -> None:
    secure = tls_arguments(settings)
    async with open_app(settings, token) as running:
        settle()
        config = uvicorn.Config(running.app, lifespan="off", **SERVER, **secure)
        await Server(config, running, ready).serve(sockets=[listener])


class Server(uvicorn.Server):
    """Lets watchers go before it waits for requests, and returns when it was told to stop."""

    def __init__(self, config: uvicorn.Config, running: Running, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._running = running
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._running.drain()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._stop, number)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def _stop(self, number: int) -> None:
        """The first signal asks, the second one means now: what is acknowledged is on the disk."""
        if self.should_exit:
            os._exit(128 + number)
        self.should_exit = True
