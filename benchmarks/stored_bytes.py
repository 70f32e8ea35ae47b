"""What messages of 250 bytes cost on disk, each in a commit of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from uuid import UUID

from benchmarks import servers, text
from benchmarks.client import Client
from benchmarks.report import Ratio

MESSAGES = 10_000
SIZE = 250


def run(folder: Path) -> Iterator[Ratio]:
    plain = _stored(folder / "plain.db", ids=False, search="false")
    yield _ratio("stored bytes / text, no ids, no search", plain, 1.5)
    full = _stored(folder / "full.db", ids=True, search="true")
    yield _ratio("stored bytes / text, ids and search", full, 2.2)


def _ratio(work: str, stored: int, at_most: float) -> Ratio:
    return Ratio(work, stored / (MESSAGES * SIZE), at_most, f"{stored:,} bytes")


def _stored(file: Path, *, ids: bool, search: str) -> int:
    with (
        servers.backstory(file, BACKSTORY_SEARCH=search) as port,
        Client(port) as client,
    ):
        path, source = "/v1/contexts/bench/stored", Random(3)
        client.json("PUT", path, {"kind": "conversation"})
        for message in text.messages(MESSAGES, SIZE):
            entry = {"role": "user", "content": message}
            if ids:
                entry["id"] = str(UUID(int=source.getrandbits(128), version=4))
            client.json("POST", f"{path}/entries", {"entries": [entry]})
    return sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*"))
