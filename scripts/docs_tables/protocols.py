"""What a client of each version of MCP is offered, as the server itself answers when it is asked."""

import asyncio
import itertools
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from mcp_types import methods as known
from mcp_types.version import MODERN_PROTOCOL_VERSIONS, SUPPORTED_PROTOCOL_VERSIONS

from backstory.transports.mcp import asks
from docs_tables.markdown import code, rows

HEADERS = {"Accept": "application/json, text/event-stream"}
METHOD_NOT_FOUND = -32601
PARAMS = {
    "logging/setLevel": {"level": "info"}
}  # without them it is refused before it is looked up
CLIENT = {"name": "reference", "version": "1"}


def versions() -> str:
    """Each version that is spoken, the newest first."""
    return rows(
        ("version", "sessions", "a client begins with", "and is told of changes by"),
        *(
            (
                f"[{version}]({page(version)})",
                "no" if version in MODERN_PROTOCOL_VERSIONS else "yes",
                code("server/discover")
                if version in MODERN_PROTOCOL_VERSIONS
                else code("initialize"),
                code("subscriptions/listen")
                if version in MODERN_PROTOCOL_VERSIONS
                else f"{code('resources/subscribe')} and the GET stream",
            )
            for version in reversed(SUPPORTED_PROTOCOL_VERSIONS)
        ),
    )


def page(version: str) -> str:
    """Versions that are older than what the conformance suite covers share one page."""
    return f"protocol-{version}.md" if version >= "2025-06-18" else "protocol-older.md"


def capabilities(version: str) -> str:
    """What the server declares."""
    declared = asked()[version]["capabilities"]
    return rows(
        ("capability", "what is declared"),
        *(
            (
                code(name),
                ", ".join(code(each) for each, on in sorted(members.items()) if on) or "there",
            )
            for name, members in sorted(declared.items())
        ),
    )


def methods(version: str) -> str:
    """Each request that the version knows, and whether it is answered."""
    answered = asked()[version]["answered"]
    return rows(
        ("request", "offered"),
        *((code(method), "yes" if yes else "no") for method, yes in sorted(answered.items())),
    )


def questions(version: str) -> str:
    """What a handler of an extension may ask a client of the version, and how it is asked."""
    modern = version in MODERN_PROTOCOL_VERSIONS
    way = (
        "as `input_required`, which the client answers by calling again"
        if modern
        else "on the stream of the call"
    )
    return rows(
        ("question", "asked"),
        *(
            (code(method), way if modern or (method, version) in known.SERVER_REQUESTS else "no")
            for method in (asks.ELICIT, asks.SAMPLE, asks.LIST_ROOTS)
        ),
    )


@cache
def asked() -> dict[str, dict[str, Any]]:
    """By version: what was declared, and which requests were answered otherwise than as unknown."""
    return asyncio.run(_asked())


async def _asked() -> dict[str, dict[str, Any]]:
    from backstory.config import load
    from backstory.wiring import open_app

    with tempfile.TemporaryDirectory() as folder:
        store = f"sqlite:///{Path(folder) / 'asked.db'}"
        settings = load(flags={"store": store}, environ={})
        async with open_app(settings) as running:
            transport = httpx.ASGITransport(running.app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1:8765", headers=HEADERS
            ) as client:
                return {each: await _of(client, each) for each in SUPPORTED_PROTOCOL_VERSIONS}


async def _of(client: httpx.AsyncClient, version: str) -> dict[str, Any]:
    ids = itertools.count(1)
    modern = version in MODERN_PROTOCOL_VERSIONS
    envelope = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": CLIENT,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {"MCP-Protocol-Version": version}

    async def ask(method: str, **params: Any) -> httpx.Response:
        if modern:
            headers["Mcp-Method"] = method
            params["_meta"] = envelope
        message = {"jsonrpc": "2.0", "id": next(ids), "method": method, "params": params}
        return await client.post("/mcp", json=message, headers=headers)

    if modern:
        begun = await ask("server/discover")
    else:
        begun = await ask("initialize", protocolVersion=version, capabilities={}, clientInfo=CLIENT)
        headers["Mcp-Session-Id"] = begun.headers["Mcp-Session-Id"]
    result = begun.json()["result"]
    assert modern or result["protocolVersion"] == version
    return {
        "capabilities": result["capabilities"],
        "answered": {
            method: (await ask(method, **PARAMS.get(method, {})))
            .json()
            .get("error", {})
            .get("code")
            != METHOD_NOT_FOUND
            for method, of in known.CLIENT_REQUESTS
            if of == version and method not in ("initialize", "subscriptions/listen")
        }
        | dict.fromkeys(("subscriptions/listen",) if modern else ("initialize",), True),
    }
