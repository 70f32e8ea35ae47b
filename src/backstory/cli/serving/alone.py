"""One process without a supervisor, watched by the service manager if there is one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping

import uvicorn

from backstory.cli.serving import one
from backstory.cli.serving.pulse import every
from backstory.cli.serving.service import Service
from backstory.cli.serving.sockets import Sockets
from backstory.cli.serving.stopping import Server
from backstory.config import Settings
from backstory.wiring import Running

_STATUS = "Serving in one process"


def run(
    settings: Settings,
    token: str | None,
    sockets: Sockets,
    ready: Callable[[], None],
    service: Service,
) -> None:
    """Serve until a signal comes; `ready` is called once requests are taken.

    Raises:
        ConfigError, StoreError: as `one.run`.
    """

    def take() -> None:
        ready()
        service.ready(_STATUS)
        if service.beat_seconds is not None:
            # By the event loop, so that one which stands still is noticed.
            every(service.beat_seconds, service.beat)

    def make(
        config: uvicorn.Config, running: Running, ready: Callable[[], None], drain_seconds: float
    ) -> Server:
        return _Server(config, running, ready, drain_seconds, service)

    one.run(settings, token, sockets, take, make=make)


class _Server(Server):
    def __init__(
        self,
        config: uvicorn.Config,
        running: Running,
        ready: Callable[[], None],
        drain_seconds: float,
        service: Service,
    ) -> None:
        super().__init__(config, running, ready, drain_seconds)
        self._service = service

    def handlers(self) -> Mapping[int, Callable[[], None]]:
        # Nobody takes over from a single process, so that a reload is a stop.
        return {**super().handlers(), signal.SIGHUP: self._stop}

    def _stop(self) -> None:
        self._service.stopping()
        super()._stop()
