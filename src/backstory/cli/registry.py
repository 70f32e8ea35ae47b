"""The registry of kinds as the command line sees it: in a store, or on a running server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from backstory import limits
from backstory.cli import remote
from backstory.config import Settings
from backstory.contexts.service import Contexts
from backstory.domain.commits import ALWAYS
from backstory.domain.principals import LOCAL_ADMIN
from backstory.wiring import open_contexts

T = TypeVar("T")
View = Mapping[str, Any]


class Registry(Protocol):
    """Kinds as `GET /v1/kinds` shows them. Each method raises what the server would answer."""

    def kinds(self) -> list[View]:
        """All of them, without their schemas."""
        ...

    def kind(self, name: str) -> View:
        """One of them, with its schemas."""
        ...

    def register(self, name: str, body: Any) -> View:
        """The kind after it was given a schema."""
        ...


class StoreRegistry:
    """That of a store, read and written beside whatever server runs on it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def kinds(self) -> list[View]:
        return self._run(self._kinds)

    async def _kinds(self, contexts: Contexts) -> list[View]:
        found: list[View] = []
        cursor: str | None = None
        while True:
            page = await contexts.kinds.list(LOCAL_ADMIN, cursor, limits.PAGE_MAX)
            found += page.views()
            cursor = page.next
            if cursor is None:
                return found

    def kind(self, name: str) -> View:
        async def read(contexts: Contexts) -> View:
            return contexts.kinds.view(await contexts.kinds.read(LOCAL_ADMIN, name))

        return self._run(read)

    def register(self, name: str, body: Any) -> View:
        async def register(contexts: Contexts) -> View:
            await contexts.kinds.register(LOCAL_ADMIN, name, lambda: body, ALWAYS)
            return contexts.kinds.view(await contexts.kinds.read(LOCAL_ADMIN, name))

        return self._run(register)

    def _run(self, work: Callable[[Contexts], Awaitable[T]]) -> T:
        async def opened() -> T:
            async with open_contexts(self._settings) as contexts:
                return await work(contexts)

        return asyncio.run(opened())


class ServerRegistry:
    """That of a server, over HTTP."""

    def __init__(self, url: str, token_file: str | None) -> None:
        self._url, self._token_file = url, token_file

    def kinds(self) -> list[View]:
        found: list[View] = []
        asked: dict[str, Any] = {"limit": limits.PAGE_MAX}
        with remote.client(self._url, self._token_file) as http:
            while True:
                page = remote.told(http.get("/v1/kinds", params=asked))
                found += page["items"]
                if page["next"] is None:
                    return found
                asked["cursor"] = page["next"]

    def kind(self, name: str) -> View:
        with remote.client(self._url, self._token_file) as http:
            view: View = remote.told(http.get(f"/v1/kinds/{name}"))
            return view

    def register(self, name: str, body: Any) -> View:
        with remote.client(self._url, self._token_file) as http:
            view: View = remote.told(http.put(f"/v1/kinds/{name}", json=body))
            return view
