"""Peers at work, each asked in a process of its own (`peers/work.py`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks import cores, servers
from benchmarks.peers import serving


class Asked:
    """A worker, which does one thing at a time; `server` is the process that it asks."""

    def __init__(self, name: str, folder: Path, port: int = 0, server: int | None = None) -> None:
        self._name, self._server = name, server
        python = [str(serving.PYTHON), "-m", "benchmarks.peers.work"]
        self._process = subprocess.Popen(
            ["taskset", "-c", cores.CLIENT, *python, name, str(folder), str(port)],
            cwd=servers.ROOT,
            env=os.environ
            | {"PYTHONPATH": "", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._line()

    def do(self, what: str, times: int = 0) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, "times": times}) + "\n")
        self._process.stdin.flush()
        return self._line()

    def resident(self) -> int:
        """Bytes of the server; of the worker and what it started where there is none."""
        return servers.resident(self._server or self._process.pid)

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended with {self._process.wait(10)}")
        return json.loads(line)

    def close(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(30)
