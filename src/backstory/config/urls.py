"""The URLs of stores, caches and change buses.

What a later release brings is recognised, so that the answer says "not yet" and not
"unknown". The error's text never holds a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

_STORES_TO_COME = {
    "postgresql": "the PostgreSQL store",
    "postgres": "the PostgreSQL store",
}
_SERVICES_TO_COME = {
    "redis": "the Redis adapter",
    "rediss": "the Redis adapter",
    "memcached": "the Memcached adapter",
    "postgresql": "the PostgreSQL adapter",
}
_FILE = "must be sqlite:///FILE (three slashes: relative to the working directory; four: absolute)"
_ESCAPED = re.compile(r"[%?#]")  # what a URL would not read as part of its path


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """Where the store is. `path` stands as it was written, relative or absolute."""

    scheme: str
    path: Path

    def __str__(self) -> str:
        return f"{self.scheme}:///{_ESCAPED.sub(lambda c: f'%{ord(c[0]):02X}', str(self.path))}"


DEFAULT_STORE: Final = StoreUrl("sqlite", Path(".backstory/backstory.db"))


def store_url(raw: object) -> StoreUrl:
    """A store's URL; only SQLite files in this release."""
    scheme, rest = _split(raw, _FILE)
    if scheme in _STORES_TO_COME:
        raise ValueError(_not_yet(_FILE, scheme, _STORES_TO_COME[scheme]))
    if scheme != "sqlite" or not rest.startswith("/") or "?" in rest or "#" in rest:
        raise ValueError(_FILE)
    path = unquote(rest[1:])
    if path == ":memory:":
        raise ValueError(f"{_FILE}; a store in memory would lose what it acknowledged")
    if not path or path.endswith("/") or "\0" in path:
        raise ValueError(_FILE)
    return StoreUrl("sqlite", Path(path))


def service_url(what: str) -> Callable[[object], str]:
    """The URL of a cache or a change bus; only memory:// in this release."""
    allowed = f"must be memory://, the only {what} in this release"

    def read(raw: object) -> str:
        scheme, rest = _split(raw, allowed)
        if scheme in _SERVICES_TO_COME:
            raise ValueError(_not_yet("must be memory://", scheme, _SERVICES_TO_COME[scheme]))
        if scheme != "memory" or rest:
            raise ValueError(allowed)
        return "memory://"

    return read


def masked(text: str) -> str:
    """The same text without the passwords that URLs in it may carry."""
    text = re.sub(r"(://[^:/?#@]*:).*@", r"\1***@", text, flags=re.DOTALL)
    text = re.sub(
        r"""(?i)(["'](?:password|secret|token|key)["']\s*:\s*)(["']).*?\2""", r"\1***", text
    )
    return re.sub(r"(?i)([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&\s]*", r"\1***", text)


def _split(raw: object, allowed: str) -> tuple[str, str]:
    if not isinstance(raw, str):
        raise ValueError(allowed)  # noqa: TRY004 -- the one error that readers raise
    scheme, separator, rest = raw.strip().partition("://")
    if not separator:
        raise ValueError(allowed)
    return scheme.lower(), rest


def _not_yet(allowed: str, scheme: str, brings: str) -> str:
    return f"{allowed}; {scheme}:// comes with {brings}, which is not in this release"
