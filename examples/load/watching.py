"""Those who wait for changes: by long polls, and by a stream of events."""

from __future__ import annotations

import asyncio

import httpx
from calling import AWAY_SECONDS, Caller

POLL_SECONDS = 10


async def polling(caller: Caller, namespace: str) -> None:
    """Asks, waits, and asks again from where it was left."""
    after = "now"
    while True:
        params: dict[str, str | int] = {"after": after, "namespace": namespace}
        waiting = params | ({} if after == "now" else {"wait": POLL_SECONDS})
        answer = await caller.call("poll", "GET", "/v1/changes", params=waiting)
        if answer is None or not answer.is_success:
            await asyncio.sleep(AWAY_SECONDS)
            continue
        after = answer.json()["next"]


async def streaming(caller: Caller, namespace: str) -> None:
    """Listens, and comes again when the stream ends."""
    params = {"after": "now", "namespace": namespace}
    accepts = {"accept": "text/event-stream"}
    while True:
        try:
            async with caller.http.stream(
                "GET", "/v1/changes", params=params, headers=accepts
            ) as answer:
                caller.counts[f"stream {answer.status_code}"] += 1
                async for line in answer.aiter_lines():
                    caller.counts["event"] += line.startswith("data:")
        except httpx.TransportError:
            caller.counts["stream away"] += 1
        await asyncio.sleep(AWAY_SECONDS)
