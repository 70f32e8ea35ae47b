"""The server of a worker: it does what its supervisor says, and stops when that is gone."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from collections.abc import Callable, Mapping

import uvicorn

from backstory import limits
from backstory.cli.serving.stopping import Server
from backstory.cli.serving.worker import HURRY, RETIRE, STOP
from backstory.wiring import Running


def worker_server(
    config: uvicorn.Config, running: Running, ready: Callable[[], None], drain_seconds: float
) -> Server:
    """As `one.run` wants it."""
    return _Server(config, running, ready, drain_seconds)


class _Server(Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._stop_with_parent()
        await super().startup(sockets)

    def handlers(self) -> Mapping[int, Callable[[], None]]:
        return {STOP: self._told, RETIRE: self._retire, HURRY: self.hurry}

    def _told(self) -> None:
        self.should_exit = True

    def _retire(self) -> None:
        """Others serve the socket, so there is time for whoever is connected here to leave."""
        if not self.should_exit:
            self.drain_seconds = max(self.drain_seconds, limits.RETIRE_SECONDS)
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
