"""What checking and redacting add to a write over HTTP, of a state of 1 KB.

Writes take turns on one server: of a kind without a schema, of one with, and into a namespace
whose text is redacted. A fourth, the same as the first, tells the noise.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import servers, text, timing
from benchmarks.client import Client
from benchmarks.report import Ratio

ROUNDS = 1500
RULES = {"rules": [{"namespace": "masked", "transforms": ["hidden", {"redact": {}}]}]}
SCHEMA = {
    "type": "object",
    "required": ["title", "notes", "n"],
    "additionalProperties": False,
    "properties": {
        "title": {"type": "string", "maxLength": 200},
        "n": {"type": "integer", "minimum": 0},
        "notes": {"type": "array", "items": {"type": "string", "pattern": "^[^\\x00]*$"}},
    },
}


def run(folder: Path) -> Iterator[Ratio]:
    options = {"BACKSTORY_PROCESSING": json.dumps(RULES)}
    with servers.backstory(folder / "processing.db", **options) as port, Client(port) as client:
        client.json("PUT", "/v1/kinds/checked", {"schema": SCHEMA})
        plain = _writes(client, "plain", "session")
        times = timing.medians(
            {
                "plain": plain,
                "checked": _writes(client, "checked", "checked"),
                "masked": _writes(client, "masked", "session"),
                "again": _writes(client, "again", "session"),
            },
            ROUNDS,
        )
    base = min(times["plain"], times["again"])
    noise = max(times["plain"], times["again"]) / base
    detail = f"{timing.micros(base)} a write, noise {noise:.3f}"
    yield Ratio("a write with validation of 1 KB / without", times["checked"] / base, 1.05, detail)
    yield Ratio("a write with redaction of 1 KB / without", times["masked"] / base, 1.10, detail)


def _writes(client: Client, namespace: str, kind: str) -> Callable[[], None]:
    counter = itertools.count()
    words = " ".join(text.messages(40))
    notes = [words[start : start + 90] for start in range(0, 900, 90)]

    def write() -> None:
        state = {"title": "a plan", "n": next(counter), "notes": notes}
        client.json("PUT", f"/v1/contexts/{namespace}/a", {"kind": kind, "state": state})

    return write
