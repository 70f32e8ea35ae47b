"""The socket, and what is told once requests are taken."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from backstory import __version__
from backstory.cli.serving.sockets import Sockets
from backstory.config import Settings
from backstory.errors import ConfigError

BACKLOG: Final = 2048


@contextlib.contextmanager
def bound(settings: Settings) -> Iterator[Sockets]:
    """The sockets that the settings ask for, closed at the end.

    Raises:
        ConfigError: as `bind`.
    """
    with contextlib.ExitStack() as stack:
        main = stack.enter_context(bind(settings))
        ops = None
        if settings.ops_port is not None:
            ops = stack.enter_context(bind(settings, "ops_"))
        yield Sockets(main, ops)


def bind(settings: Settings, of: str = "") -> socket.socket:
    """A socket on the host and port of the settings; it takes no connection yet.

    `of` is what the names of both begin with.

    Raises:
        ConfigError: the port is taken, or the address is not this machine's.
    """
    host, port = getattr(settings, f"{of}host"), getattr(settings, f"{of}port")
    try:
        family, kind, protocol, _, address = _resolve(host, port)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot(settings, of, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Two servers may both bind where neither listens yet; the second is told here.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot(settings, of, error) from error
    return listener


def _resolve(host: str, port: int) -> list[Any]:
    """The addresses of a host, IPv4 first: what most clients mean by localhost."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return sorted(found, key=lambda info: info[0] != socket.AF_INET)


def _cannot(settings: Settings, of: str, error: OSError) -> ConfigError:
    host, port = f"{of}host", f"{of}port"
    reason = error.strerror or str(error)
    return ConfigError(
        f"cannot listen on {getattr(settings, host)} port {getattr(settings, port)} ({host} from "
        f"{settings.origin(host)}, {port} from {settings.origin(port)}): {reason}; "
        f"set another with --{port.replace('_', '-')}"
    )


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a person or a script is told when the server takes requests."""

    url: str
    store: str
    workers: int
    token_file: Path | None
    as_json: bool
    ops: str | None = None

    @classmethod
    def of(
        cls, settings: Settings, sockets: Sockets, token_file: Path | None, *, as_json: bool
    ) -> Announcement:
        port = sockets.main.getsockname()[1]
        host = _in_url(settings.host)
        ops = None
        if sockets.ops is not None:
            ops = f"http://{_in_url(settings.ops_host)}:{sockets.ops.getsockname()[1]}"
        scheme = "http" if settings.tls_certificate is None else "https"
        return cls(
            f"{scheme}://{host}:{port}",
            settings.store.shown,
            settings.workers,
            token_file,
            as_json,
            ops,
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
            members |= {} if self.ops is None else {"ops": self.ops}
            click.echo(json.dumps(members | {"store": self.store, "workers": self.workers}))
            return
        lines = [
            f"Backstory {__version__} is ready; contexts are kept in {self.store}",
            f"  MCP                 {self.mcp}",
            f"  API documentation   {self.docs}",
            f"  Add to a client     {self.add}",
        ]
        if self.ops is not None:
            lines.append(f"  Metrics and health  {self.ops}")
        if self.token_file is not None:
            lines.append(f"  Token               {self.token_file}")
        click.echo("\n".join(lines))
