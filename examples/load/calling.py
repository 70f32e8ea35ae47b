"""One caller of the server, who counts what is answered and goes on when it fails."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx

Counts = Counter[str]
"""How often which status was answered to which act; `away` where nobody answered."""

AWAY_SECONDS = 0.5  # before somebody who found nobody goes on


@dataclass
class Caller:
    """Somebody with a client, and with their own chance, so that no two do the same."""

    http: httpx.AsyncClient
    counts: Counts
    chance: random.Random
    wait: int

    async def call(self, act: str, method: str, path: str, **more: Any) -> httpx.Response | None:
        """The answer; None where nobody answered. A call is due after `wait` seconds."""
        headers = {"prefer": f"wait={self.wait}"} | more.pop("headers", {})
        try:
            answer = await self.http.request(method, path, headers=headers, **more)
        except httpx.TransportError:
            self.counts[f"{act} away"] += 1
            await asyncio.sleep(AWAY_SECONDS)
            return None
        self.counts[f"{act} {answer.status_code}"] += 1
        return answer
