"""Redis as the one who passes messages on: publish and subscribe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from backstory import limits
from backstory.errors import BusUnavailableError
from backstory.messaging.lines import Line, Take

FOREIGN: Final = (RedisError, OSError, EOFError, TimeoutError)
"""All that may come out of the driver."""


class RedisLink:
    """`lines.Link` to the server that a `redis://` or `rediss://` URL names."""

    name = "Redis"

    def __init__(self, url: str) -> None:
        self._url = url

    @asynccontextmanager
    async def open(self, channel: str, take: Take) -> AsyncIterator[Line]:
        """Two connections: one that hears, and one that sends."""
        # Who retries is `remote`, which has to know that messages were lost.
        client = Redis.from_url(
            self._url,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=limits.BUS_SECONDS,
            socket_timeout=limits.BUS_SECONDS,
            client_name="backstory-bus",
        )
        hearing = client.pubsub(ignore_subscribe_messages=True)
        reading: asyncio.Task[str] | None = None
        try:
            try:
                await hearing.subscribe(channel)
            except FOREIGN as error:
                raise BusUnavailableError(_said(error)) from error
            reading = asyncio.create_task(_read(hearing, take), name="change bus: hearing")
            yield _Line(client, channel, reading)
        finally:
            if reading is not None:
                reading.cancel()
                await asyncio.wait([reading])
            with suppress(*FOREIGN):
                await hearing.aclose()  # type: ignore[no-untyped-call]
            with suppress(*FOREIGN):
                await client.aclose()


class _Line:
    def __init__(self, client: Redis, channel: str, reading: asyncio.Task[str]) -> None:
        self._client, self._channel, self._reading = client, channel, reading

    async def send(self, message: str) -> None:
        try:
            await self._client.publish(self._channel, message)
        except FOREIGN as error:
            raise BusUnavailableError(_said(error)) from error

    async def lost(self) -> str:
        return await asyncio.shield(self._reading)


async def _read(hearing: PubSub, take: Take) -> str:
    """Read until the connection ends; says why it did."""
    try:
        while True:
            message = await hearing.get_message(timeout=None)
            if message is not None and message["type"] == "message":
                take(message["data"])
    except FOREIGN as error:
        return _said(error)


def _said(error: BaseException) -> str:
    """The driver's own words, which never hold a password."""
    lines = str(error).splitlines()
    return f"Redis cannot be used ({lines[0] if lines else type(error).__name__})"
