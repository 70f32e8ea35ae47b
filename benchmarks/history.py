"""Runs as JSON: the last one, and those that are kept, each with what it was measured on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.report import Results

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "benchmarks" / "history"
_OURS = ("uvicorn", "uvloop", "httptools", "mcp", "apsw", "asyncpg")


def run(results: Mapping[str, Results], now: datetime | None = None) -> dict[str, Any]:
    """What a run found, with its date, commit, machine and versions."""
    return {
        "date": (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%MZ"),
        "commit": _git("rev-parse", "--short=12", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "machine": machine(),
        "versions": versions(),
        "benchmarks": {name: one.as_json() for name, one in results.items()},
    }


def write(found: Mapping[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def keep(found: Mapping[str, Any], folder: Path = KEPT) -> Path:
    """Write it beside the runs before it, under its date and commit."""
    date = str(found["date"]).replace(":", "")
    path = folder / f"{date}-{found['commit'] or 'unknown'}.json"
    write(found, path)
    return path


def machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Of Python, what serves, and the peers as they are locked."""
    found = {"python": sys.version.split()[0]}
    found |= {name: version(name) for name in _OURS}
    for line in (ROOT / "requirements" / "peers.txt").read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition("==")
        if rest and name in _peers():
            found[name] = rest.split()[0]
    lock = ROOT / "benchmarks" / "peers" / "package-lock.json"
    for name, package in json.loads(lock.read_text(encoding="utf-8"))["packages"].items():
        if name.endswith("server-memory"):
            found["server-memory"] = package["version"]
    return found


def _peers() -> set[str]:
    lines = (ROOT / "requirements" / "peers.in").read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")} - set(_OURS)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    """What git answers; nothing where this is no checkout."""
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""
