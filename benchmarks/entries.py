"""Costs by the length of one conversation, 10 to 1,000,000 entries.

Entries are written by the store's own commits, 500 in each; then a server is started on the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from backstory.domain.keys import ContextKey
from benchmarks import growing, stocking
from benchmarks.client import Client
from benchmarks.growing import Works
from benchmarks.report import Measured, Ratio

KEY = ContextKey("bench", "long")
PATH = f"/v1/contexts/{KEY.namespace}/{KEY.name}"
AT_MOST = 2.0
_SAID = {"entries": [{"role": "user", "content": "hello"}]}
_WINDOW = {
    "sources": [{"context": "bench/long", "entries": "recent"}],
    "model": "gpt-4o",
    "budget": 1000,
}


def run(folder: Path) -> Iterator[Ratio | Measured]:
    store = folder / "entries.db"
    curves = growing.grown(store, partial(stocking.entries, store, KEY), _works)
    yield from curves.measured()
    yield from curves.ratios(AT_MOST)


def _works(client: Client, size: int) -> Works:
    forks = iter(range(10**9))
    newest: dict[str, int] = {}

    def appended() -> None:
        newest.update(client.json("POST", f"{PATH}/entries", _SAID))

    def caught_up(by: str, what: str) -> object:
        return client.json("GET", f"{PATH}{by}{newest[what] - 1}")

    appended()

    def forked() -> object:
        return client.json("POST", f"{PATH}/fork", {"to": f"bench/f{size}-{next(forks)}"})

    return {
        "append": appended,
        "catch-up by one": lambda: caught_up("/entries?after=", "last_seq"),
        "catch-up by one, by version": lambda: caught_up("?since=", "version"),
        "the last ten": lambda: client.json("GET", f"{PATH}?entries=10"),
        "ten in the middle": lambda: client.json(
            "GET", f"{PATH}/entries?after={size // 2}&limit=10"
        ),
        "a window of 1,000 tokens": lambda: client.json("POST", "/v1/render", _WINDOW),
        "fork": forked,
    }
