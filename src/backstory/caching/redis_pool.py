"""Connections to a Redis, as a cache wants them."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import ConnectionPool, SSLConnection
from redis.asyncio.connection import RedisSSLContext
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from backstory import limits


class _Trusting(SSLConnection):
    """One of several connections over TLS that trust the same certificates."""

    def __init__(self, *, trusted: list[RedisSSLContext], **options: Any) -> None:
        super().__init__(**options)
        if not trusted:
            trusted.append(self.ssl_context)
        self.ssl_context = trusted[0]


class Trust:
    """The certificates that the connections of a pool trust.

    Left to themselves, each connection reads them on the event loop, which holds it for tens of
    milliseconds. Here they are read once, on a thread.
    """

    def __init__(self, context: RedisSSLContext) -> None:
        self._context = context
        self._turn = asyncio.Lock()

    async def ready(self) -> None:
        """Wait until they have been read.

        Raises:
            OSError: a file cannot be read.
        """
        if self._context.context is None:
            async with self._turn:
                if self._context.context is None:
                    await asyncio.to_thread(self._context.get)


def pool_to(url: str) -> tuple[ConnectionPool, Trust | None]:
    """A pool for redis-py's URL, and what must be ready before it connects.

    Nothing is tried twice and only connecting is bounded in time: `remote.Remote` bounds all.
    """
    pool = ConnectionPool.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=None,
        socket_connect_timeout=limits.CACHE_SECONDS,
        driver_info=None,  # no `CLIENT SETINFO`, which older servers do not know
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    if pool.connection_class is not SSLConnection:
        return pool, None
    trusted: list[RedisSSLContext] = []
    pool.connection_class = _Trusting
    pool.connection_kwargs["trusted"] = trusted
    pool.make_connection()  # type: ignore[no-untyped-call]
    return pool, Trust(trusted[0])
