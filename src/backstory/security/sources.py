"""Where an issuer's keys are: in a file, at a URL, or where the issuer's metadata says.

No redirect is followed, no answer is longer than `limits.KEYS_BYTES`, and nothing travels
unencrypted but to this machine itself.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit, urlunsplit

import httpx

from backstory import limits
from backstory.domain import strict_json
from backstory.errors import MalformedError
from backstory.security.urls import is_safe, path_of


class Source(Protocol):
    """Gives the bytes of a JWK set."""

    @property
    def name(self) -> str:
        """For the log."""
        ...

    @property
    def every(self) -> float:
        """Seconds between two looks."""
        ...

    async def read(self) -> bytes:
        """The JWK set as it is now.

        Raises:
            ValueError, OSError, httpx.HTTPError, TimeoutError: it cannot be had.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


def source_of(jwks: str | None, issuer: str) -> Source:
    """Where the keys are by the settings; by the issuer's metadata where they do not say."""
    if jwks is None:
        return IssuerSource(issuer)
    if jwks.startswith("file:"):
        return FileSource(path_of(jwks))
    return UrlSource(jwks)


class FileSource:
    """A file on this machine, looked at again and again."""

    every = limits.KEYS_FILE_LOOK_SECONDS

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    async def read(self) -> bytes:
        return await asyncio.to_thread(self._read)

    def _read(self) -> bytes:
        with self._path.open("rb") as file:
            raw = file.read(limits.KEYS_BYTES + 1)
        if len(raw) > limits.KEYS_BYTES:
            raise ValueError(_too_long())
        return raw

    async def aclose(self) -> None:
        """Nothing is held."""


class _Http:
    """Fetches JSON within bounds."""

    every = limits.KEYS_FRESH_SECONDS

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            timeout=limits.KEYS_TRY_SECONDS,
            headers={"accept": "application/json", "accept-encoding": "identity"},
        )

    async def get(self, url: str) -> bytes:
        raw = bytearray()
        async with (
            asyncio.timeout(limits.KEYS_TRY_SECONDS),
            self._client.stream("GET", url) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise ValueError(f"{url} answered {answer.status_code}")
            async for piece in answer.aiter_bytes():
                raw += piece
                if len(raw) > limits.KEYS_BYTES:
                    raise ValueError(_too_long())
        return bytes(raw)

    async def aclose(self) -> None:
        await self._client.aclose()


class UrlSource(_Http):
    """A JWK set at a URL; its issuer is not contacted."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.name = url

    async def read(self) -> bytes:
        return await self.get(self.name)


class IssuerSource(_Http):
    """What the issuer's metadata names (RFC 8414, OpenID Connect Discovery)."""

    def __init__(self, issuer: str) -> None:
        super().__init__()
        self.name = issuer

    async def read(self) -> bytes:
        return await self.get(await self._keys_url())

    async def _keys_url(self) -> str:
        failures = []
        for url in metadata_urls(self.name):
            try:
                metadata = _object(await self.get(url))
            except ValueError as error:
                failures.append(str(error))
                continue
            if metadata.get("issuer") != self.name:
                raise ValueError(f"the metadata at {url} is that of another issuer")
            keys = metadata.get("jwks_uri")
            if not isinstance(keys, str) or not is_safe(keys):
                raise ValueError(f"the metadata at {url} names no https URL of keys")
            return keys
        raise ValueError("; ".join(failures))


_WELL_KNOWN: Final = ("oauth-authorization-server", "openid-configuration")


def metadata_urls(issuer: str) -> list[str]:
    """Where metadata may be, in the order in which MCP clients look for it."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    paths = [f"/.well-known/{name}{path}" for name in _WELL_KNOWN]
    if path:
        paths.append(f"{path}/.well-known/openid-configuration")
    return [urlunsplit((parts.scheme, parts.netloc, each, "", "")) for each in paths]


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = strict_json.loads(raw)
    except MalformedError as error:
        raise ValueError(error.detail) from error
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 -- the one error of a bad answer
    return found


def _too_long() -> str:
    return f"more than {limits.KEYS_BYTES} bytes"
