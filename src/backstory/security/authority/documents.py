"""Client ID metadata documents: a client whose id is the https URL of what it says of itself.

That is how clients of MCP 2026-07-28 make themselves known (draft-ietf-oauth-client-id-
metadata-document). Whoever has a URL may be such a client, so what it says is shown to the
user as what it is: something said, by whoever has that host.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from backstory import limits
from backstory.domain import strict_json
from backstory.errors import InvalidError, MalformedError
from backstory.security.authority import redirects
from backstory.security.authority.clients import CODE, REFRESH
from backstory.security.authority.fetching import Fetcher, FetchError
from backstory.security.authority.records import Client

_SHARED_SECRETS: Final = ("client_secret", "client_secret_expires_at")
_GRANTS: Final = frozenset({CODE, REFRESH})


class Documents:
    """Fetches documents, and keeps what they say for a short time."""

    def __init__(self, fetcher: Fetcher, now: Callable[[], float] = time.monotonic) -> None:
        self._fetcher = fetcher
        self._now = now
        self._kept: dict[str, tuple[float, Client]] = {}

    async def find(self, url: str) -> Client:
        """The client whose id the URL is.

        Raises:
            InvalidError: there is no document, or it is not that of a client of ours.
        """
        if not is_document_url(url):
            raise InvalidError("the client ID is no https URL with a path, as it has to be")
        kept = self._kept.get(url)
        if kept is not None and kept[0] > self._now():
            return kept[1]
        self._kept.pop(url, None)
        try:
            fetched = await self._fetcher.get(url)
        except FetchError as error:
            raise InvalidError(f"the document of the client cannot be had: {error}") from error
        client = read(url, fetched.body)
        if fetched.seconds > 0:
            if len(self._kept) >= limits.CLIENT_DOCUMENTS:
                del self._kept[next(iter(self._kept))]
            self._kept[url] = (self._now() + fetched.seconds, client)
        return client


def is_document_url(text: str) -> bool:
    """Whether a client id is the URL of a document, as the draft has them in section 3."""
    if not text.startswith("https://") or len(text) > limits.SUBJECT_BYTES:
        return False
    try:
        parts = urlsplit(text)
        known = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and not set(text) & set("#@\\ ")
    steps = parts.path.split("/")
    return known and plain and parts.path not in ("", "/") and not {".", ".."} & set(steps)


def host_of(client_id: str) -> str:
    """The host that vouches for a client, empty for one that was registered here."""
    return urlsplit(client_id).netloc if is_document_url(client_id) else ""


def read(url: str, raw: bytes) -> Client:
    """The client that a document describes.

    Raises:
        InvalidError: it is that of another client, or asks for what is not given here.
    """
    found = _object(raw)
    if found.get("client_id") != url:
        raise InvalidError("the document of the client names another client_id than its URL")
    if found.get("token_endpoint_auth_method", "none") != "none" or any(
        name in found for name in _SHARED_SECRETS
    ):
        raise InvalidError(
            "the document of the client asks for a token_endpoint_auth_method other than none"
        )
    uris = _texts(found, "redirect_uris")
    if not 0 < len(uris) <= limits.CLIENT_REDIRECTS:
        raise InvalidError(
            f"the document of the client has not 1 to {limits.CLIENT_REDIRECTS} redirect_uris"
        )
    grants = _texts(found, "grant_types") if "grant_types" in found else [CODE]
    if CODE not in grants:
        raise InvalidError(f"the document of the client does not name the grant type {CODE}")
    checked = tuple(dict.fromkeys(redirects.check(uri) for uri in uris))
    kept = tuple(grant for grant in (CODE, REFRESH) if grant in grants)
    return Client(url, _name(found) or host_of(url), checked, kept)


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        found = strict_json.loads(raw, depth=8, nodes=2000)
    except MalformedError as error:
        raise InvalidError(f"the document of the client is no JSON: {error.detail}") from error
    if not isinstance(found, dict):
        raise InvalidError("the document of the client is no JSON object")
    return found


def _texts(found: Mapping[str, Any], name: str) -> list[str]:
    value = found.get(name)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidError(f"the document of the client has no list of texts as {name}")
    return value


def _name(found: Mapping[str, Any]) -> str:
    """What it calls itself, without what could change how the page reads."""
    value = found.get("client_name")
    if not isinstance(value, str):
        return ""
    plain = "".join(each for each in value if each.isprintable())
    return " ".join(plain.split())[: limits.CLIENT_NAME_CHARS]
