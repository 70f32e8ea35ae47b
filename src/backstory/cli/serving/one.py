"""One process that serves: the only one, or a worker."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, Final, Protocol

import uvicorn
import uvloop

from backstory import limits
from backstory.cli.serving.protocol import BoundedProtocol
from backstory.cli.serving.secure import tls_arguments
from backstory.cli.serving.sockets import Sockets
from backstory.cli.serving.stopping import Server
from backstory.cli.serving.turns import settle
from backstory.config import Settings
from backstory.observability.crew import Crew
from backstory.wiring import Running, open_app

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


class Make(Protocol):
    """Makes the server of a process."""

    def __call__(
        self,
        config: uvicorn.Config,
        running: Running,
        ready: Callable[[], None],
        drain_seconds: float,
    ) -> Server: ...


def run(
    settings: Settings,
    token: str | None,
    sockets: Sockets,
    ready: Callable[[], None],
    *,
    make: Make,
    crew: Crew | None = None,
) -> None:
    """Serve until a signal comes; `ready` is called, in the event loop, once requests are taken.

    Raises:
        ConfigError, StoreError: as `open_app`.
    """
    uvloop.run(_serve(settings, token, sockets, ready, make=make, crew=crew))


async def _serve(
    settings: Settings,
    token: str | None,
    sockets: Sockets,
    ready: Callable[[], None],
    *,
    make: Make,
    crew: Crew | None,
) -> None:
    secure = tls_arguments(settings)
    async with open_app(settings, token, crew) as running:
        settle()
        config = uvicorn.Config(running.app, lifespan="off", **SERVER, **secure)
        serving = make(config, running, ready, settings.drain_seconds)
        serving.bound(
            settings.address_connections if settings.asks_tokens else 0,
            [ipaddress.ip_network(each) for each in settings.trusted_proxies],
        )
        if sockets.ops is not None:
            serving.ops = sockets.ops, uvicorn.Config(running.ops, lifespan="off", **SERVER)
        await serving.serve(sockets=[sockets.main])
