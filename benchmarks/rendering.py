"""Windows for models: what they repeat from turn to turn, and what long conversations cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from backstory.domain.counting import counted
from backstory.domain.entries import NewEntry
from backstory.rendering.counters import count_stored, ready
from benchmarks import servers, text, timing
from benchmarks.client import Client
from benchmarks.report import Ratio
from benchmarks.servers import ROOT

TURNS = 200
BUDGET = 4000
WIDE = 16_000
SIZE = 250  # bytes of a message
ROUNDS = 40


def run(folder: Path) -> Iterator[Ratio]:
    with servers.backstory(folder / "rendering.db") as port, Client(port) as client:
        yield from _repeated(client)
        yield from _length(client)
        yield from _counting(client)


def _repeated(client: Client) -> Iterator[Ratio]:
    """New input of each window for what is new with the last messages that fit."""
    messages = list(text.messages(2 * TURNS, SIZE))
    path = _create(client, "turns")
    stepped, naive = [], []
    for turn in range(TURNS):
        _append(client, path, messages[2 * turn : 2 * turn + 2])
        window = _render(client, "turns", BUDGET)
        stepped.append([message["content"] for message in window["input"]["messages"]])
        naive.append(_last(messages[: 2 * turn + 2], BUDGET))
    ours, theirs = _share_repeated(stepped), _share_repeated(naive)
    detail = f"{ours:.1%} of the input repeats the window before; last messages: {theirs:.1%}"
    yield Ratio("new input of each turn / a tenth", (1 - ours) / 0.1, 1.0, detail)
    yield Ratio("new input / that of last messages", (1 - ours) / (1 - theirs), None, detail)


def _last(messages: list[str], budget: int) -> list[str]:
    """The newest messages to about the budget, as is usual; four bytes to a token, and four more."""
    kept: list[str] = []
    left = budget
    for message in reversed(messages):
        left -= len(message) // 4 + 4
        if left < 0:
            break
        kept.insert(0, message)
    return kept


def _share_repeated(windows: list[list[str]]) -> float:
    same = total = 0
    before: list[str] = []
    for window in windows:
        total += sum(map(len, window))
        for old, new in zip(before, window, strict=False):
            if old != new:
                break
            same += len(new)
        before = window
    return same / total


def _length(client: Client) -> Iterator[Ratio]:
    """100,000 entries against 200, and a window against reading what it shows."""
    for name, count in (("short", 200), ("long", 100_000)):
        path = _create(client, name)
        messages = list(text.messages(1000, SIZE))
        for _ in range(max(1, count // 1000)):
            _append(client, path, messages[:count])
    calls: dict[str, Callable[[], Any]] = {
        "short": lambda: _render(client, "short", 1500),
        "long": lambda: _render(client, "long", 1500),
        "read": _reading(client, 1500),
        "wide": lambda: _render(client, "long", WIDE),
        "wide read": _reading(client, WIDE),
    }
    # After a write, as between two turns: pages that are kept in memory are only until then.
    other = _create(client, "other")
    taken = timing.medians(calls, ROUNDS, before=lambda: _append(client, other, ["a word"]))
    detail = ", ".join(f"{name} {seconds * 1000:.2f} ms" for name, seconds in taken.items())
    yield Ratio("window of 100,000 entries / of 200", taken["long"] / taken["short"], 1.3, detail)
    added = (taken["long"] - taken["read"]) / taken["read"]
    yield Ratio("what a window adds / reading its entries", added, 1.5, detail)
    added = (taken["wide"] - taken["wide read"]) / taken["wide read"]
    yield Ratio(f"the same for {WIDE:,} tokens", added, 1.5, detail)


def _reading(client: Client, budget: int) -> Callable[[], Any]:
    """Reads the entries that a window of the long conversation shows."""
    shown = sum(row["kept"] for row in _render(client, "long", budget)["ledger"])
    path = f"/v1/contexts/bench/long/entries?order=desc&limit={shown}"
    return lambda: client.json("GET", path)


def _counting(client: Client) -> Iterator[Ratio]:
    """Counting an entry's tokens when it is written, against the whole append. Each text is new."""
    path = _create(client, "counted")
    pages = "".join(page.read_text("utf-8") for page in sorted((ROOT / "docs").rglob("*.md")))
    texts = [pages[start : start + SIZE] for start in range(0, len(pages) - SIZE, SIZE)]
    entries = (NewEntry("user", "message", orjson.dumps(text)) for text in texts)
    ready()
    calls: dict[str, Callable[[], Any]] = {
        "count": lambda: counted((next(entries),), count_stored),
        "append": lambda: _append(client, path, [texts[0]]),
    }
    taken = timing.medians(calls, ROUNDS * 5)
    detail = ", ".join(f"{name} {timing.micros(seconds)}" for name, seconds in taken.items())
    yield Ratio("counting an entry / its append", taken["count"] / taken["append"], 0.1, detail)


def _create(client: Client, name: str) -> str:
    path = f"/v1/contexts/bench/{name}"
    client.json("PUT", path, {"kind": "conversation"})
    return path


def _append(client: Client, path: str, messages: list[str]) -> None:
    entries = [
        {"role": "assistant" if i % 2 else "user", "content": message}
        for i, message in enumerate(messages)
    ]
    client.json("POST", f"{path}/entries", {"entries": entries})


def _render(client: Client, name: str, budget: int) -> Any:
    source = {"context": f"bench/{name}"}
    body = {"sources": [source], "model": "gpt-4o", "format": "openai", "budget": budget}
    return client.json("POST", "/v1/render", body)
