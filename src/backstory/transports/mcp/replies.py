"""Short HTTP answers of our own, beside those of the SDK."""

from __future__ import annotations

from typing import Any

import orjson
from mcp_types import INVALID_REQUEST
from starlette.types import Send


async def reply(send: Send, status: int, body: bytes = b"", *more: tuple[bytes, bytes]) -> None:
    """A whole answer; a body is JSON."""
    headers = [(b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    if body:
        headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *more]})
    await send({"type": "http.response.body", "body": body})


async def reply_error(
    send: Send,
    status: int,
    detail: str,
    request_id: Any = None,
    *more: tuple[bytes, bytes],
    code: int = INVALID_REQUEST,
    data: Any = None,
) -> None:
    """A JSON-RPC error with an HTTP status."""
    error = {"code": code, "message": detail} | ({} if data is None else {"data": data})
    body = orjson.dumps({"jsonrpc": "2.0", "id": request_id, "error": error})
    await reply(send, status, body, *more)
