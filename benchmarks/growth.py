"""Cost follows the change: append and catch-up by the length of the conversation, and forks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks import servers, text
from benchmarks.client import Client
from benchmarks.report import Ratio
from benchmarks.timing import medians, micros

SIZES = (200, 20_000, 100_000)
ROUNDS = 150
FORKS = 30


def run(folder: Path) -> Iterator[Ratio]:
    with servers.backstory(folder / "growth.db") as port, Client(port) as client:
        for size in SIZES:
            _fill(client, size)
        yield from _ratios("append", medians({_name(s): _append(client, s) for s in SIZES}, ROUNDS))
        catching = {_name(size): _catch_up(client, size) for size in SIZES}
        yield from _ratios("catch up by one entry", medians(catching, ROUNDS))
        sizes = {_name(size): float(len(_catch_up(client, size)())) for size in SIZES}
        yield from _ratios("bytes of catching up", sizes, unit="bytes")
        forks = {_name(size): _fork(client, size) for size in (SIZES[0], SIZES[-1])}
        yield from _ratios("fork", medians(forks, FORKS))


def _name(size: int) -> str:
    return f"{size:,}"


def _path(size: int) -> str:
    return f"/v1/contexts/bench/of-{size}"


def _fill(client: Client, size: int) -> None:
    client.json("PUT", _path(size), {"kind": "conversation"})
    for start in range(0, size, 1000):
        batch = text.messages(min(1000, size - start), seed=start)
        entries = [{"role": "user", "content": message} for message in batch]
        client.json("POST", f"{_path(size)}/entries", {"entries": entries})


def _append(client: Client, size: int):
    body = {"entries": [{"role": "user", "content": text.messages(1)[0]}]}
    return lambda: client.json("POST", f"{_path(size)}/entries", body)


def _catch_up(client: Client, size: int):
    version = client.json("GET", _path(size))["version"]
    return lambda: client.request("GET", f"{_path(size)}?since={version - 1}")[1]


def _fork(client: Client, size: int):
    names = iter(range(10**9))
    return lambda: client.json(
        "POST", f"{_path(size)}/fork", {"to": f"bench/fork-{size}-{next(names)}"}
    )


def _ratios(work: str, taken: dict[str, float], unit: str = "") -> Iterator[Ratio]:
    (_, least), *others = taken.items()
    for name, value in others:
        shown = f"{value:.0f} {unit}" if unit else micros(value)
        base = f"{least:.0f} {unit}" if unit else micros(least)
        yield Ratio(f"{work}: {name} entries / {SIZES[0]}", value / least, 1.3, f"{shown}, {base}")
