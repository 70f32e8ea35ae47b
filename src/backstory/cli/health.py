"""`backstory health`: whether the server of these settings answers; what a container asks of itself."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any, Final

import click

from backstory.cli.options import json_option, setting_options, settings_from
from backstory.config import Settings
from backstory.errors import ConfigError, StoreUnavailableError

_SECONDS: Final = 4.0  # longer than the server takes to find that its store is away
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- where others listen
_BYTES: Final = 10_000  # of an answer that is looked at


@click.command("health")
@setting_options("host", "port", "ops_host", "ops_port", "tls_certificate")
@click.option("--live", is_flag=True, help="Ask only whether the process runs, not its store.")
@json_option
def command(*, live: bool, as_json: bool, **flags: Any) -> None:
    """Ask the server of these settings, on this machine, whether requests may be sent to it.

    The exit code is 0 where they may, 1 where not: it starts, drains, has lost its store, or is not
    there. Goes to the port for operators where there is one.
    """
    settings = settings_from(flags)
    path = "/livez" if live else "/readyz"
    url, status = _ask(settings, path)
    if as_json:
        click.echo(json.dumps({"url": url, "status": status}))
    else:
        click.echo(f"{url}: {status}")


def _ask(settings: Settings, path: str) -> tuple[str, str]:
    """Where was asked, and the one word of the answer.

    Raises:
        StoreUnavailableError: nobody answers there, or the answer is a no.
    """
    scheme, host, port = _place(settings)
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{path}"
    try:
        code, body = _get(scheme, host, port, path)
    except (OSError, http.client.HTTPException) as error:
        raise StoreUnavailableError(f"no server answers at {url}: {error}") from error
    status = _status(body)
    if code != http.client.OK or status is None:
        told = status or "and not like a server of ours"
        raise StoreUnavailableError(f"{url} answers {code}, {told}")
    return url, status


def _status(body: bytes) -> str | None:
    """The word in an answer, None where it is none of ours."""
    try:
        told = json.loads(body)
    except ValueError:
        return None
    status = told.get("status") if isinstance(told, dict) else None
    return status if isinstance(status, str) else None


def _place(settings: Settings) -> tuple[str, str, int]:
    if settings.ops_port is not None:
        scheme, host, port, name = "http", settings.ops_host, settings.ops_port, "ops_port"
    else:
        scheme = "http" if settings.tls_certificate is None else "https"
        host, port, name = settings.host, settings.port, "port"
    if port == 0:
        raise ConfigError(f"{name} 0 is any free port, so that nobody knows where to ask; name one")
    return scheme, _ANY.get(host, host), port


def _get(scheme: str, host: str, port: int, path: str) -> tuple[int, bytes]:
    if scheme == "https":
        # It is this machine's own server: whether names and dates are right is not asked here.
        unchecked = ssl._create_unverified_context()  # noqa: S323, SLF001
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=_SECONDS, context=unchecked
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        answer = connection.getresponse()
        return answer.status, answer.read(_BYTES)
    finally:
        connection.close()
