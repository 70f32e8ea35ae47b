"""Puts a server under the load of a few assistants, over REST and MCP: conversations, windows,
searches, watchers, content, and mistakes. It knows the server only by its address.

    python examples/load http://127.0.0.1:8765 --users 6 --seconds 60
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import sys
from collections.abc import Awaitable, Callable, Iterator

import by_mcp
import by_rest
import httpx
import mistakes
import watching
from calling import Caller, Counts

Turn = Callable[[Caller, str, int], Awaitable[None]]

SOMETIMES = {by_rest.large: 8, by_rest.summarised: 8, mistakes.made: 3}
"""After how many turns of a conversation each of these comes once."""


def asked(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="load", description="Put a server under a demo load.")
    parser.add_argument("url", help="where the server is: http://127.0.0.1:8765")
    parser.add_argument(
        "--users", type=int, default=6, help="assistants at once (6), every other over MCP"
    )
    parser.add_argument("--seconds", type=float, default=0, help="how long; 0 is until stopped")
    parser.add_argument("--pause", type=float, default=0.3, help="between an assistant's turns")
    parser.add_argument("--wait", type=int, default=1, help="seconds that a caller has for a call")
    parser.add_argument("--seed", type=int, default=None, help="the same acts again")
    parser.add_argument("--namespace", default="demo", help="under which it writes")
    return parser.parse_args(words)


async def user(caller: Caller, namespace: str, pause: float, by: Turn) -> None:
    """One assistant: a conversation after the other, over REST or over MCP."""
    for number in itertools.count(1):
        talk = f"{namespace}/talk-{os.getpid()}-{number}"
        await by_rest.begun(caller, talk)
        for turn in range(1, 20):
            await by(caller, talk, turn)
            for act in due(turn):
                await act(caller, talk)
            await asyncio.sleep(pause * caller.chance.uniform(0.5, 1.5))


def due(turn: int) -> Iterator[by_rest.Act]:
    """What comes once in a while."""
    return (act for act, every in SOMETIMES.items() if turn % every == 1)


async def loaded(wanted: argparse.Namespace, counts: Counts) -> None:
    """All assistants and watchers, until they are stopped or the time is over."""
    bounds = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(base_url=wanted.url, timeout=40, limits=bounds) as http,
        asyncio.TaskGroup() as group,
    ):
        tasks = []
        for number in range(wanted.users):
            chance = random.Random(None if wanted.seed is None else wanted.seed + number)
            caller = Caller(http, counts, chance, wanted.wait)
            own = f"{wanted.namespace}.user-{number}"
            by = by_mcp.turn if number % 2 else by_rest.turn
            tasks.append(group.create_task(user(caller, own, wanted.pause, by)))
            watcher = watching.polling if number % 2 else watching.streaming
            tasks.append(group.create_task(watcher(caller, own)))
        if wanted.seconds:
            await asyncio.sleep(wanted.seconds)
            for task in tasks:
                task.cancel()


def main() -> None:
    wanted, counts = asked(sys.argv[1:]), Counts()
    try:
        asyncio.run(loaded(wanted, counts))
    except KeyboardInterrupt:
        pass
    finally:
        print(json.dumps(counts, sort_keys=True))


main()
