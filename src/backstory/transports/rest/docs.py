"""`/openapi.json`, and `/docs`: Swagger UI from an installed package, without internet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backstory.errors import MethodError
from backstory.transports.rest.openapi import document
from backstory.transports.rest.table import Endpoint

_FILES: Final = {
    "swagger-ui.css": ("swagger_style.css", "text/css"),
    "swagger-ui-bundle.js": ("swagger_bundle.js", "text/javascript"),
    "swagger-ui-preset.js": ("swagger_preset.js", "text/javascript"),
}
_PAGE: Final = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Backstory API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/swagger-ui-preset.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START: Final = b"""SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  layout: "BaseLayout",
  deepLinking: true,
  validatorUrl: null
});
"""
_POLICY: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
}
_FRESH: Final = {"cache-control": "no-cache"}


class Asset:
    """Something that is the same for everybody, served with a tag; of files also ranges."""

    def __init__(
        self, media: str, body: bytes | Callable[[], bytes] = b"", path: Path | None = None
    ) -> None:
        self._media = media
        self._body = body
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodError("this can only be read", allow=["GET", "HEAD"])
        response = self._response()
        known = Request(scope).headers.get("if-none-match", "")
        tag = response.headers.get("etag")
        if tag is not None and tag.strip('"') in known:  # a coded answer's tag is longer
            response = Response(status_code=304, headers={"etag": tag} | _FRESH)
        await response(scope, receive, send)

    def _response(self) -> Response:
        headers = _POLICY | _FRESH
        if self._path is not None:
            about = self._path.stat()
            return FileResponse(
                self._path, media_type=self._media, headers=headers, stat_result=about
            )
        body = self._body() if callable(self._body) else self._body
        headers["etag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        return Response(body, media_type=self._media, headers=headers)


def openapi(table: Sequence[Endpoint]) -> bytes:
    """The OpenAPI document."""
    return orjson.dumps(document(table))


def assets(table: Sequence[Endpoint]) -> Iterator[tuple[str, ASGIApp]]:
    """Each path with what it serves; the document of the table is made when it is asked for."""
    yield "/openapi.json", Asset("application/json", cache(partial(openapi, table)))
    yield from ((path, Asset("text/html", _PAGE)) for path in ("/docs", "/docs/"))
    yield "/docs/start.js", Asset("text/javascript", _START)
    folder = files("offapi")
    for name, (file, media) in _FILES.items():
        yield f"/docs/{name}", Asset(media, path=Path(str(folder / file)))
