"""URLs of keys: what may be fetched, and which file is meant."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import unquote, urlsplit


def is_safe(url: str) -> bool:
    """Whether nobody can change on the way what is fetched: https, or http on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return bool(host)
        near = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
    return parts.scheme == "http" and near


def path_of(url: str) -> Path:
    """The path of `file:relative`, `file:/absolute` or `file:///absolute`."""
    return Path(unquote(url.removeprefix("file:").removeprefix("//")))
