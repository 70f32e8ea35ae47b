"""What clients need to know to get a token: challenges and metadata (RFC 6750, RFC 9728).

Both are made of configured URLs. What a request says about its host only chooses among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

import orjson
from starlette.types import Receive, Scope, Send

from backstory.domain.policy import SCOPES
from backstory.errors import MethodError, MissingError
from backstory.transports.edge import headers

PREFIX: Final = "/.well-known/oauth-protected-resource"
FIRST_SCOPES: Final = "context:read context:write"
"""What a client without a token is told to ask for."""


def is_url(audience: str) -> bool:
    """Whether an audience says where it is; others are only names."""
    return urlsplit(audience).scheme in ("http", "https") and bool(urlsplit(audience).netloc)


@dataclass(frozen=True, slots=True)
class Proofs:
    """That proofs by DPoP are taken (RFC 9449), and what they may be signed with."""

    algorithms: tuple[str, ...]
    required: bool


@dataclass(frozen=True, slots=True)
class _Resource:
    """One audience: what its document names, and where that lies."""

    resource: str
    origin: str
    path: str

    @property
    def host(self) -> str:
        return urlsplit(self.origin).netloc.lower()

    @property
    def document(self) -> str:
        return PREFIX + self.path


class ResourceMetadata:
    """The documents of all audiences, and the challenges that point to them."""

    def __init__(
        self,
        issuers: Sequence[str],
        audiences: Sequence[str],
        public_url: str | None = None,
        proofs: Proofs | None = None,
    ) -> None:
        self._proofs = proofs
        self._issuers = list(issuers)
        self._public = None if public_url is None else _of_url(public_url)
        self._resources = [_of_url(audience) for audience in audiences if is_url(audience)]
        self._names = [audience for audience in audiences if not is_url(audience)]

    def challenge(self, scope: Scope, *, needed: str, error: str | None = None) -> str:
        """The value of `WWW-Authenticate`; `needed` are scopes."""
        called = self._called(scope)
        elsewhere = self._public is not None and called.host != _host(scope)
        origin = self._public.origin if self._public and elsewhere else called.origin
        parts = [f'resource_metadata="{origin}{called.document}"', f'scope="{needed}"']
        if error is not None:
            parts.append(f'error="{error}"')
        told = ", ".join(parts)
        if self._proofs is None:
            return f"Bearer {told}"
        proven = f'DPoP algs="{" ".join(self._proofs.algorithms)}", {told}'
        return proven if self._proofs.required else f"Bearer {told}, {proven}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a document.

        Raises:
            MissingError: there is no audience of that path.
            MethodError: it is not asked for by GET or HEAD.
        """
        del receive
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodError("metadata can be read only", allow="GET, HEAD")
        body = orjson.dumps(self._document(scope))
        sent = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"public, max-age=300"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": sent})
        await send({"type": "http.response.body", "body": body})

    def _document(self, scope: Scope) -> dict[str, object]:
        raw = scope.get("raw_path") or scope["path"].encode()
        path = raw.decode("latin-1").partition("?")[0].rstrip("/")
        found = [each for each in self._all(scope) if each.document == path]
        if not found:
            raise MissingError("there is no audience of this path")
        host = _host(scope)
        chosen = next((each for each in found if each.host == host), found[0])
        told: dict[str, object] = {
            "resource": chosen.resource,
            "authorization_servers": self._issuers,
            "scopes_supported": list(SCOPES),
            "bearer_methods_supported": ["header"],
            "resource_name": "Backstory",
        }
        if self._proofs is not None:
            told["dpop_signing_alg_values_supported"] = list(self._proofs.algorithms)
            told["dpop_bound_access_tokens_required"] = self._proofs.required
        return told

    def _called(self, scope: Scope) -> _Resource:
        """The audience that a request is for: of its host, with the longest path before its own."""
        path, host = scope["path"], _host(scope)
        before = self._public.path if self._public else ""  # a proxy may have taken it off

        def fits(each: _Resource) -> bool:
            own = each.path.removeprefix(before)
            return bool(path == own or path.startswith(own + "/"))

        there = self._all(scope)
        return max(
            [each for each in there if fits(each)] or there[:1],
            key=lambda each: (each.host == host, len(each.path)),
        )

    def _all(self, scope: Scope) -> list[_Resource]:
        """Those of URLs; mere names stand for the server as such."""
        if not self._names:
            return self._resources
        server = self._public or (self._resources or [_of_url(_listening(scope))])[0]
        named = [
            _Resource(server.resource, server.origin, f"/{quote(name, safe='')}")
            for name in self._names
        ]
        return [*self._resources, server, *named]


def _of_url(url: str) -> _Resource:
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return _Resource(url, f"{parts.scheme}://{parts.netloc}", path)


def _listening(scope: Scope) -> str:
    """The address that the request came to, which no header tells."""
    host, port = scope.get("server") or ("localhost", None)
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}" if port is None else f"http://{name}:{port}"


def _host(scope: Scope) -> str:
    return (headers.values(scope, b"host") or [""])[0].lower()
