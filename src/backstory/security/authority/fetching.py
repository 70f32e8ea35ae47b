"""Fetching what a stranger's URL names, without reaching what only this machine reaches.

The name is resolved once, every address that it has is looked at, and the connection goes to
one of those that were looked at: a second answer of the name server changes nothing. No
redirect is followed, no proxy of the environment is asked, and nothing but JSON is read, of a
bounded size and within a bounded time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import ssl
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

import httpcore

from backstory import limits

_JSON: Final = re.compile(r"application/(?:[\w.+-]+\+)?json(?:\s*;.*)?\Z", re.IGNORECASE)
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age=([0-9]{1,9})")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_SIX_TO_FOUR: Final = ipaddress.ip_network("2002::/16")
_TEREDO: Final = ipaddress.ip_network("2001::/32")


class FetchError(Exception):
    """It cannot be had; the text says why, for the log and for whoever runs the client."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body, and for how many seconds it may be kept."""

    body: bytes
    seconds: float


class Fetcher:
    """Fetches JSON by https. `near` are hosts that may be on private networks, as in a URL."""

    def __init__(self, near: Collection[str] = ()) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=limits.CLIENT_DOCUMENTS_ASKED,
            max_keepalive_connections=0,
            network_backend=_Pinned(near),
        )
        self._turns = asyncio.Semaphore(limits.CLIENT_DOCUMENTS_ASKED)

    async def get(self, url: str) -> Fetched:
        """The JSON at an https URL.

        Raises:
            FetchError: it cannot be had.
        """
        try:
            async with self._turns, asyncio.timeout(limits.CLIENT_DOCUMENT_SECONDS):
                return await self._get(url)
        except (TimeoutError, httpcore.TimeoutException):
            raise FetchError(f"no answer in {limits.CLIENT_DOCUMENT_SECONDS:g} seconds") from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise FetchError(str(error) or type(error).__name__) from error
        except (OSError, ValueError) as error:
            raise FetchError(str(error)) from error

    async def _get(self, url: str) -> Fetched:
        asked = [
            (b"accept", b"application/json"),
            (b"accept-encoding", b"identity"),
            (b"user-agent", b"backstory"),
        ]
        # Each step has less than all of them, so that the library itself ends one and tidies up.
        step = limits.CLIENT_DOCUMENT_SECONDS / 2
        bounds = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), step)}
        async with self._pool.stream(
            "GET", url, headers=[*asked, (b"host", _host(url))], extensions=bounds
        ) as answer:
            if answer.status != 200:
                raise FetchError(f"the answer is {answer.status}, not 200")
            told = {name.lower(): value.decode("latin-1") for name, value in answer.headers}
            if not _JSON.match(told.get(b"content-type", "")):
                raise FetchError("the answer is no JSON by its Content-Type")
            body = bytearray()
            async for piece in answer.aiter_stream():
                body += piece
                if len(body) > limits.CLIENT_DOCUMENT_BYTES:
                    raise FetchError(
                        f"the answer has more than {limits.CLIENT_DOCUMENT_BYTES} bytes"
                    )
        return Fetched(bytes(body), _fresh_for(told.get(b"cache-control", "").lower()))

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._pool.aclose()


class _Pinned(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were looked at; TLS above it checks the name."""

    def __init__(self, near: Collection[str]) -> None:
        self._near = frozenset(each.lower() for each in near)
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- the library's own
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=1)  # SOCK_STREAM
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        allowed = {host.lower(), f"{host.lower()}:{port}"} & self._near
        if not allowed and not all(is_public(address) for address in addresses):
            raise FetchError(f"{host} is on a private network, which nobody is asked from here")
        return await self._first(addresses, port, timeout)

    async def _first(
        self, addresses: list[str], port: int, seconds: float | None
    ) -> httpcore.AsyncNetworkStream:
        """The first that answers; those of one name are tried in turn."""
        for address in addresses[:-1]:
            try:
                return await self._backend.connect_tcp(address, port, seconds)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._backend.connect_tcp(addresses[-1], port, seconds)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise FetchError("no socket of this machine is asked")

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


def is_public(address: str) -> bool:
    """Whether an address is that of anybody on the internet, and of nothing near here.

    Addresses of IPv6 that carry one of IPv4 are as public as that is.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = _inner(found)
        if inner is not None:
            return is_public(str(inner))
        if found in _TEREDO or found.is_site_local:
            return False
    return found.is_global and not (found.is_multicast or found.is_reserved)


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return ipaddress.IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
    return None


def _host(url: str) -> bytes:
    return url.partition("//")[2].partition("/")[0].encode("ascii")


def _fresh_for(control: str) -> float:
    if "no-store" in control or "no-cache" in control:
        return 0.0
    said = _MAX_AGE.search(control)
    most = limits.CLIENT_DOCUMENT_KEPT_SECONDS
    return min(most, float(said[1])) if said else most
