"""The URLs of stores, and what of a URL may be shown: the error's text never holds a password."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

_FILE = (
    "must be sqlite:///FILE (three slashes: relative to the working directory; four: absolute) "
    "or postgresql://USER@HOST/DATABASE"
)
_SERVER = "must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE, signs in a part written as %40"
_OWN = frozenset({"connections", "pgbouncer"})
_MOST_CONNECTIONS = 1000
_ESCAPED = re.compile(r"[%?#]")  # what a URL would not read as part of its path


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """Where the store is. `path` stands as it was written, relative or absolute."""

    scheme: str
    path: Path

    @property
    def shown(self) -> str:
        """The URL as people may see it."""
        return str(self)

    @property
    def folder(self) -> Path:
        """Where files of this machine lie that belong to the store."""
        return self.path.parent

    def __str__(self) -> str:
        return f"{self.scheme}:///{_ESCAPED.sub(lambda c: f'%{ord(c[0]):02X}', str(self.path))}"


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """A PostgreSQL database, with the password; `dsn` is what the driver is given.

    It may name several hosts, between commas.

    `connections` are kept at most by one process, None for the default. `pgbouncer` says that a
    pooler in transaction mode stands before the server.
    """

    dsn: str
    connections: int | None = None
    pgbouncer: bool = False

    @property
    def shown(self) -> str:
        """The URL as people may see it."""
        return masked(str(self))

    @property
    def folder(self) -> Path:
        """Where files of this machine lie that belong to the store."""
        return Path(".backstory")

    def __str__(self) -> str:
        own = [f"connections={self.connections}"] if self.connections else []
        own += ["pgbouncer=true"] if self.pgbouncer else []
        if not own:
            return self.dsn
        return f"{self.dsn}{'&' if '?' in self.dsn else '?'}{'&'.join(own)}"


DEFAULT_STORE: Final = StoreUrl("sqlite", Path(".backstory/backstory.db"))


def store_url(raw: object) -> StoreUrl | ServerUrl:
    """A store's URL."""
    scheme, rest = _split(raw, _FILE)
    if scheme in {"postgresql", "postgres"}:
        return _server_url(rest)
    if scheme != "sqlite" or not rest.startswith("/") or "?" in rest or "#" in rest:
        raise ValueError(_FILE)
    path = unquote(rest[1:])
    if path == ":memory:":
        raise ValueError(f"{_FILE}; a store in memory would lose what it acknowledged")
    if not path or path.endswith("/") or "\0" in path:
        raise ValueError(_FILE)
    return StoreUrl("sqlite", Path(path))


def replica_url(raw: object) -> ServerUrl | None:
    """The URL of a standby of the store's database; empty means none."""
    if raw == "":
        return None
    scheme, rest = _split(raw, _SERVER)
    if scheme not in {"postgresql", "postgres"}:
        raise ValueError(_SERVER)
    return _server_url(rest)


def keys_url(raw: object) -> StoreUrl | ServerUrl | None:
    """The URL of what keeps keys; empty means the default."""
    return None if raw == "" else store_url(raw)


def _server_url(rest: str) -> ServerUrl:
    try:
        parts = urlsplit(f"postgresql://{rest}")
        for host in parts.netloc.rpartition("@")[2].split(","):  # the driver tries each
            _ = urlsplit(f"//{host}").port
    except ValueError as error:
        raise ValueError(_SERVER) from error
    if not parts.path.strip("/") or "/" in parts.path[1:] or parts.fragment:
        raise ValueError(_SERVER)
    query = parse_qsl(parts.query, keep_blank_values=True)
    own = {name: value for name, value in query if name in _OWN}
    others = urlencode([(name, value) for name, value in query if name not in _OWN])
    dsn = urlunsplit(parts._replace(query=others))
    return ServerUrl(dsn, _connections(own.get("connections")), _switch(own.get("pgbouncer")))


def _connections(raw: str | None) -> int | None:
    if raw is None:
        return None
    if not (raw.isascii() and raw.isdigit() and 1 < int(raw) <= _MOST_CONNECTIONS):
        raise ValueError(f"{_SERVER}; connections is a number from 2 to {_MOST_CONNECTIONS}")
    return int(raw)


def _switch(raw: str | None) -> bool:
    if raw not in {None, "true", "false"}:
        raise ValueError(f"{_SERVER}; pgbouncer is true or false")
    return raw == "true"


def masked(text: str) -> str:
    """The same text without the passwords that URLs in it may carry."""
    text = re.sub(r"(://[^:/?#@]*:).*@", r"\1***@", text, flags=re.DOTALL)
    text = re.sub(
        r"""(?i)(["'][\w-]*(?:password|secret|token|key)["']\s*:\s*)(["']).*?\2""", r"\1***", text
    )
    return re.sub(r"(?i)([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&\s]*", r"\1***", text)


def _split(raw: object, allowed: str) -> tuple[str, str]:
    if not isinstance(raw, str):
        raise ValueError(allowed)  # noqa: TRY004 -- the one error that readers raise
    scheme, separator, rest = raw.strip().partition("://")
    if not separator:
        raise ValueError(allowed)
    return scheme.lower(), rest
