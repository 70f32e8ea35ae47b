"""A durable append over HTTP by one client, against a bare answer plus one fdatasync."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks import servers, text
from benchmarks.client import Client
from benchmarks.report import Ratio
from benchmarks.timing import medians, micros

ROUNDS = 400


def run(folder: Path) -> Iterator[Ratio]:
    body = {"entries": [{"role": "user", "content": text.messages(1)[0]}]}
    path = "/v1/contexts/bench/appends"
    with (
        servers.backstory(folder / "append.db") as ours,
        servers.bare() as bare,
        Client(ours) as append,
        Client(bare) as answer,
        (folder / "synced").open("wb", buffering=0) as file,
    ):
        append.json("PUT", path, {"kind": "conversation"})

        def sync() -> None:
            file.seek(0)
            file.write(bytes(4096))
            os.fdatasync(file.fileno())

        taken = medians(
            {
                "append": lambda: append.json("POST", f"{path}/entries", body),
                "bare": lambda: answer.json("POST", path, body),
                "sync": sync,
            },
            ROUNDS,
        )
    detail = ", ".join(f"{name} {micros(seconds)}" for name, seconds in taken.items())
    yield Ratio(
        "durable append / (bare answer + fdatasync), p50",
        taken["append"] / (taken["bare"] + taken["sync"]),
        3.0,
        detail,
    )
