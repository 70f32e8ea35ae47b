"""The reference memory server: an MCP server on standard input and output, one for all callers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from benchmarks.peers.peer import Place

_PROGRAM = (
    Path(sys.prefix)
    / "node"
    / "node_modules"
    / Path("@modelcontextprotocol/server-memory/dist/index.js")
)


class MemoryServer:
    """An entity for each conversation, an observation for each message."""

    def __init__(self, place: Place) -> None:
        node = shutil.which("node")
        assert node is not None, "Node.js comes with the test requirements"
        environment = os.environ | {"MEMORY_FILE_PATH": str(place.folder / "memory.jsonl")}
        self._process = subprocess.Popen(
            [node, str(_PROGRAM)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._sending, self._number = threading.Lock(), 0
        self._waiting: dict[int, tuple[threading.Event, list[Any]]] = {}
        threading.Thread(target=self._listen, daemon=True).start()
        client = {"name": "bench", "version": "1"}
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
        self._ask("initialize", hello)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self._made: set[str] = set()

    def append(self, conversation: str, text: str) -> None:
        if conversation not in self._made:
            self._made.add(conversation)
            entity = {"name": conversation, "entityType": "conversation", "observations": []}
            self._tool("create_entities", entities=[entity])
        said = {"entityName": conversation, "contents": [text]}
        self._tool("add_observations", observations=[said])

    def read(self, conversation: str) -> bytes:
        return json.dumps(self._tool("open_nodes", names=[conversation])).encode()

    def catch_up(self, conversation: str, known: int) -> bytes:
        """There is no way to ask for what is new: all is read again."""
        del known
        return self.read(conversation)

    def count(self, conversation: str) -> int:
        found = self._tool("open_nodes", names=[conversation])
        graph = found.get("structuredContent") or json.loads(found["content"][0]["text"])
        return len(graph["entities"][0]["observations"])

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _tool(self, name: str, **arguments: Any) -> Any:
        answer = self._ask("tools/call", {"name": name, "arguments": arguments})
        if answer.get("isError"):
            raise RuntimeError(f"{name}: {answer}")
        return answer

    def _ask(self, method: str, params: Any) -> Any:
        with self._sending:
            self._number += 1
            number = self._number
            waiting = self._waiting[number] = (threading.Event(), [])
            message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            self._send(message)
        if not waiting[0].wait(60):
            raise RuntimeError(f"{method} was not answered")
        answer = waiting[1][0]
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if message.get("id") in self._waiting:
                told, answers = self._waiting.pop(message["id"])
                answers.append(message)
                told.set()
