"""Standbys of a PostgreSQL, and how one succeeds it."""

import asyncio
from contextlib import asynccontextmanager

from postgres_server import STANDBY, standing_by


@asynccontextmanager
async def standby_of(primary, port=None, *, synchronous=True):
    """A server that copies another; where it is synchronous, commits wait for it."""
    ready = standing_by(primary, port)
    standby = await asyncio.to_thread(ready.__enter__)
    try:
        if synchronous:
            await primary.do(
                f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'",
                "SELECT pg_reload_conf()",
            )
        yield standby
    finally:
        await asyncio.to_thread(ready.__exit__, None, None, None)


async def succeed(primary, standby):
    """The old primary is dead for good before the new one writes."""
    await asyncio.to_thread(primary.kill)
    await asyncio.to_thread(standby.promote)
