"""The load generator `wrk` on a core of its own: requests a second of one kind."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import cores

CONNECTIONS = 32
PATIENCE = "30s"
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_COUNT = re.compile(r"(\d+) requests in")
_WRONG = re.compile(r"(Non-2xx or 3xx responses|Socket errors):? (.*)")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, sent again and again."""

    path: str
    method: str = "GET"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """How many answers came, and how many in a second."""

    count: int
    rate: float


def installed() -> bool:
    return shutil.which("wrk") is not None and shutil.which("taskset") is not None


def rate(folder: Path, port: int, asked: Asked, seconds: int) -> float:
    """Answers a second."""
    return load(folder, port, asked, seconds).rate


def load(
    folder: Path,
    port: int,
    asked: Asked | str,
    seconds: int,
    *,
    core: str = cores.CLIENT,
    threads: int = 1,
) -> Told:
    """The same request on all connections for so long, or what a program in Lua asks.

    Raises:
        RuntimeError: an answer was an error.
    """
    script = folder / "asked.lua"
    one = Asked("/") if isinstance(asked, str) else asked
    script.write_text(asked if isinstance(asked, str) else _lua(asked), encoding="utf-8")
    url = f"http://127.0.0.1:{port}{one.path}"
    command = ["taskset", "-c", core, "wrk", f"-t{threads}", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    command += [f"--timeout={PATIENCE}"]
    done = subprocess.run(
        [*command, "-s", str(script), url], capture_output=True, text=True, check=True
    ).stdout
    if wrong := _WRONG.search(done):
        raise RuntimeError(f"{one.method} {one.path}: {wrong[0]}")
    found, count = _RATE.search(done), _COUNT.search(done)
    assert found is not None, done
    assert count is not None, done
    return Told(int(count[1]), float(found[1]))


def _lua(asked: Asked) -> str:
    lines = [f"wrk.method = {_text(asked.method)}"]
    if asked.body:
        lines.append(f"wrk.body = {_text(asked.body.decode())}")
    lines += [f"wrk.headers[ {_text(k)} ] = {_text(v)}" for k, v in asked.headers.items()]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    level = "="
    while f"]{level}]" in text:
        level += "="
    return f"[{level}[{text}]{level}]"
