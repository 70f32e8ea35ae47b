"""Which hosts a request may name, and which pages may make it, once tokens are asked for.

A page elsewhere cannot make a browser show it what is here, even where a name was made to
point to this machine (DNS rebinding): Host and Origin are those that the configuration knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from backstory.domain.keys import shorten
from backstory.errors import DeniedError, MisdirectedError

_PORTS: Final = {"http": 80, "https": 443}


class Origins:
    """Hosts of the server's own URLs, further ones, and the origins of other pages."""

    def __init__(
        self, urls: Iterable[str], hosts: Iterable[str] = (), pages: Iterable[str] = ()
    ) -> None:
        """`hosts` as in a Host header; one without a port may be named with any."""
        self._exact: set[str] = set()
        self._names: set[str] = set()
        self._schemes: dict[str, set[str]] = {}
        self._pages = {page.lower() for page in pages}
        for url in urls:
            parts = urlsplit(url)
            origin = f"{parts.scheme}://{parts.netloc}".lower()
            self._pages.add(origin)
            for spelling in _spellings(origin):
                self._exact.add(spelling)
                self._schemes.setdefault(spelling, set()).add(parts.scheme.lower())
        for host in hosts:
            (self._exact if _has_port(host) else self._names).add(host.lower())

    def check(self, host: str, origin: str | None) -> None:
        """Pass a request of our own hosts, made by no page or by one that may.

        Raises:
            MisdirectedError: Host is none of ours.
            DeniedError: the page is a foreign one, or says not which.
        """
        host = host.lower()
        if host not in self._exact and _name(host) not in self._names:
            raise MisdirectedError(f"{shorten(host)} is no host of this server")
        if origin is None:
            return
        origin = origin.lower()
        # A page that came by HTTP may be anybody's, where our own come by HTTPS.
        schemes = self._schemes.get(host, _PORTS)
        own = any(origin == f"{scheme}://{host}" for scheme in schemes)
        if not own and origin not in self._pages:
            raise DeniedError("Origin is a page that may not make requests here")


def _spellings(origin: str) -> Iterable[str]:
    """A host as it stands, and with the port that goes without saying."""
    parts = urlsplit(origin)
    yield parts.netloc
    if parts.port is None:
        yield f"{parts.netloc}:{_PORTS[parts.scheme]}"
    elif parts.port == _PORTS[parts.scheme]:
        yield parts.netloc.rpartition(":")[0]


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]


def _name(host: str) -> str:
    return host.rpartition(":")[0] if _has_port(host) else host
