"""Whether a server can be reached over the network at all, whatever it answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Sequence

from backstory import limits
from backstory.resilience.checking import Look

Place = tuple[str, int]
"""A host and a port."""


async def reach(places: Sequence[Place]) -> Look:
    """Connect to one of them, whichever comes first; nothing is sent."""
    failures = []
    for host, port in places:
        begun = time.perf_counter()
        failure = await _failure(host, port)
        if failure is None:
            return Look(facts={"milliseconds": round((time.perf_counter() - begun) * 1000, 3)})
        failures.append(f"{host} port {port}: {failure}")
    return Look("failed", "; ".join(failures))


async def _failure(host: str, port: int) -> str | None:
    """Why there is no connection; None where there is."""
    try:
        async with asyncio.timeout(limits.REACH_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return f"no answer in {limits.REACH_SECONDS:g} s"
    except socket.gaierror:
        return "the name is not known"
    except OSError as error:
        return error.strerror or "no connection"
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return None
