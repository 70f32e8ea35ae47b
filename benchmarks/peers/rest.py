"""Backstory and Kinto, over HTTP on kept connections, one for each thread."""

from __future__ import annotations

import threading
import time
from typing import Any

import orjson

from benchmarks.client import Client
from benchmarks.peers.peer import Place

_IDLE_SECONDS = 20


class _Rest:
    def __init__(self, place: Place, **headers: str) -> None:
        self._port, self._headers = place.port, headers
        self._own = threading.local()
        self._made: set[str] = set()

    def _ask(self, method: str, path: str, value: Any = None) -> bytes:
        client = self._client()
        body = b"" if value is None else orjson.dumps(value)
        status, answer = client.request(method, path, body, **self._headers)
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {answer[:200]!r}")
        return answer

    def _client(self) -> Client:
        """The thread's own, unless a server may have closed it since it was used last."""
        now = time.monotonic()
        if now - getattr(self._own, "used", -_IDLE_SECONDS) >= _IDLE_SECONDS:
            self._own.client = Client(self._port)
        self._own.used = now
        client: Client = self._own.client
        return client

    def close(self) -> None:
        """The threads' connections end with them."""


class Backstory(_Rest):
    """The server that was started for it, with its SQLite store."""

    def _path(self, conversation: str) -> str:
        path = f"/v1/contexts/peers/{conversation}"
        if conversation not in self._made:
            self._made.add(conversation)
            self._ask("PUT", path, {"kind": "conversation"})
        return path

    def append(self, conversation: str, text: str) -> None:
        entry = {"role": "user", "content": text}
        self._ask("POST", f"{self._path(conversation)}/entries", {"entries": [entry]})

    def read(self, conversation: str) -> bytes:
        pages, following = [], b"0"
        while following != b"null":
            asked = f"/entries?limit=1000&after={following.decode()}"
            pages.append(self._ask("GET", self._path(conversation) + asked))
            following = pages[-1].rpartition(b'"next":')[2].rstrip(b"}")
        return b"".join(pages)

    def catch_up(self, conversation: str, known: int) -> bytes:
        return self._ask("GET", f"{self._path(conversation)}/entries?after={known}")

    def count(self, conversation: str) -> int:
        head = orjson.loads(self._ask("GET", self._path(conversation)))
        return int(head["entry_count"])


class Kinto(_Rest):
    """A collection for each conversation, a record for each message, on PostgreSQL."""

    def __init__(self, place: Place) -> None:
        super().__init__(place, authorization="Basic YmVuY2g6YmVuY2g=")
        self._ask("PUT", "/v1/buckets/peers")

    def _path(self, conversation: str) -> str:
        path = f"/v1/buckets/peers/collections/{conversation}"
        if conversation not in self._made:
            self._made.add(conversation)
            self._ask("PUT", path)
        return f"{path}/records"

    def append(self, conversation: str, text: str) -> None:
        self._ask("POST", self._path(conversation), {"data": {"role": "user", "content": text}})

    def read(self, conversation: str) -> bytes:
        return self._ask("GET", f"{self._path(conversation)}?_sort=last_modified")

    def catch_up(self, conversation: str, known: int) -> bytes:
        """Its clients keep the time of the newest record that they know."""
        del known
        newest = self._ask("GET", f"{self._path(conversation)}?_sort=-last_modified&_limit=2")
        since = orjson.loads(newest)["data"][-1]["last_modified"]
        return self._ask("GET", f"{self._path(conversation)}?_since={since}")

    def count(self, conversation: str) -> int:
        return len(orjson.loads(self._ask("GET", self._path(conversation)))["data"])
