"""The socket, and what is told once requests are taken."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from backstory import __version__
from backstory.config import Settings
from backstory.errors import ConfigError

BACKLOG: Final = 2048


def bind(settings: Settings) -> socket.socket:
    """A socket on the host and port of the settings; it takes no connection yet.

    Raises:
        ConfigError: the port is taken, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = _resolve(settings.host, settings.port)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot(settings, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Two servers may both bind where neither listens yet; the second is told here.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot(settings, error) from error
    return listener


def _resolve(host: str, port: int) -> list[Any]:
    """The addresses of a host, IPv4 first: what most clients mean by localhost."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return sorted(found, key=lambda info: info[0] != socket.AF_INET)


def _cannot(settings: Settings, error: OSError) -> ConfigError:
    reason = error.strerror or str(error)
    return ConfigError(
        f"cannot listen on {settings.host} port {settings.port} (host from "
        f"{settings.origin('host')}, port from {settings.origin('port')}): {reason}; "
        "set another with --port"
    )


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a person or a script is told when the server takes requests."""

    url: str
    store: str
    workers: int
    token_file: Path | None
    as_json: bool

    @classmethod
    def of(
        cls, settings: Settings, listener: socket.socket, token_file: Path | None, *, as_json: bool
    ) -> Announcement:
        port = listener.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        scheme = "http" if settings.tls_certificate is None else "https"
        return cls(
            f"{scheme}://{host}:{port}",
            settings.store.shown,
            settings.workers,
            token_file,
            as_json,
        )

    @property
    def mcp(self) -> str:
        return f"{self.url}/mcp"

    @property
    def docs(self) -> str:
        return f"{self.url}/docs"

    @property
    def add(self) -> str:
        """The line that adds the server to an MCP client."""
        line = f"claude mcp add --transport http backstory {self.mcp}"
        if self.token_file is not None:
            line += f' --header "Authorization: Bearer $(cat {self.token_file})"'
        return line

    def tell(self) -> None:
        """On standard output, in one piece."""
        if self.as_json:
            members = {"url": self.url, "mcp": self.mcp, "docs": self.docs, "add": self.add}
            click.echo(json.dumps(members | {"store": self.store, "workers": self.workers}))
            return
        lines = [
            f"Backstory {__version__} is ready; contexts are kept in {self.store}",
            f"  MCP                 {self.mcp}",
            f"  API documentation   {self.docs}",
            f"  Add to a client     {self.add}",
        ]
        if self.token_file is not None:
            lines.append(f"  Token               {self.token_file}")
        click.echo("\n".join(lines))
