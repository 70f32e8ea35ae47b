"""`python -m benchmarks.peers.work NAME FOLDER [PORT]`: one peer does as it is told, line by line.

A line on standard input is JSON: `{"do": "append", "times": 20}`. So is the answer: seconds that each
took, or what is named below.

    fill     messages are added until there are so many (`times`)
    append   one more message, `times` times
    read     all of it; with what was `sent`
    fresh    the same, each time after one more message, whose time does not count
    catch_up what came after all but the last message; with what was `sent`
    hot      16 threads add 20 messages each to one conversation; `kept` tells how many are there
    day      a new conversation of an agent, `times` times: each of its turns adds what the user says, reads
             all of it for the model, adds the answer, and somebody else reads what is new
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import text
from benchmarks.peers import libraries, rest, stdio
from benchmarks.peers.peer import Peer, Place

THREADS, EACH = 16, 20
TURNS = 20
LONG = "long"


PEERS: dict[str, Callable[[Place], Peer]] = {
    "Backstory": rest.Backstory,
    "Kinto": rest.Kinto,
    "OpenAI Agents session": libraries.AgentsSession,
    "LangGraph store": libraries.LangGraphStore,
    "LangGraph saver": libraries.LangGraphSaver,
    "memory server": stdio.MemoryServer,
}
NO_SERVER = ("OpenAI Agents session", "LangGraph store", "LangGraph saver", "memory server")
"""Work in the process that asks, or in one that it starts."""


class Worker:
    def __init__(self, peer: Peer) -> None:
        self._peer, self._hot, self._days = peer, 0, 0
        self._texts, self._numbers = text.messages(200), count(1)

    def answer(self, do: str, times: int) -> dict[str, Any]:
        if do == "hot":
            return self._race()
        if do == "day":
            return {"seconds": [self._day() for _ in range(times)]}
        return {"seconds": self._timed(do, times), "sent": self._sent.decode()}

    def _timed(self, do: str, times: int) -> list[float]:
        known = self._count() if do in ("fill", "catch_up") else 0
        found, self._sent = [], b""
        for _ in range(times - known if do == "fill" else times):
            said = self._said()
            if do == "fresh":
                self._peer.append(LONG, said)
            begun = time.perf_counter()
            if do in ("fill", "append"):
                self._peer.append(LONG, said)
            elif do in ("read", "fresh"):
                self._sent = self._peer.read(LONG)
            else:
                self._sent = self._peer.catch_up(LONG, known - 1)
            found.append(time.perf_counter() - begun)
        return found

    def _said(self) -> str:
        """No two are the same: some keep equal messages once."""
        number = next(self._numbers)
        return f"{number}: {self._texts[number % len(self._texts)]}"

    def _count(self) -> int:
        try:
            return self._peer.count(LONG)
        except (IndexError, KeyError):
            return 0

    def _day(self) -> float:
        self._days += 1
        conversation, begun = f"day-{self._days}", time.perf_counter()
        for turn in range(TURNS):
            self._peer.append(conversation, self._said())
            self._peer.read(conversation)
            self._peer.append(conversation, self._said())
            self._peer.catch_up(conversation, 2 * turn)
        return time.perf_counter() - begun

    def _race(self) -> dict[str, Any]:
        self._hot += 1
        conversation = f"hot-{self._hot}"
        self._peer.append(conversation, "the first")
        failed: list[Exception] = []

        def add() -> None:
            for _ in range(EACH):
                try:
                    self._peer.append(conversation, self._said())
                except Exception as error:  # noqa: BLE001 - whatever a peer refuses with
                    failed.append(error)

        threads = [threading.Thread(target=add) for _ in range(THREADS)]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - begun
        kept = self._peer.count(conversation) - 1
        acknowledged = THREADS * EACH - len(failed)
        return {"seconds": seconds, "acknowledged": acknowledged, "kept": kept}


def main(name: str, folder: str, port: str = "0") -> None:
    peer = PEERS[name](Place(Path(folder), int(port)))
    worker = Worker(peer)
    print("{}", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(worker.answer(asked["do"], asked.get("times", 0))), flush=True)
    peer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
