"""What the system says of processes: the `process_*` metrics, for one worker or many.

Linux only, by /proc (proc(5)); elsewhere nothing is told.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backstory.observability import catalogue
from backstory.observability.catalogue import Metric

_PROC: Final = Path("/proc")
_UTIME, _STIME, _STARTTIME, _VSIZE, _RSS = 11, 12, 19, 20, 21  # behind the command's name
_NO_BOUND: Final = "unlimited"


@dataclass(frozen=True, slots=True)
class Process:
    """One process: seconds, bytes and files."""

    cpu: float
    started: float
    virtual: int
    resident: int
    open_fds: int
    max_fds: int


def look(pid: int) -> Process | None:
    """What the system says of a process; None where there is none, or no way to tell."""
    here = _PROC / str(pid)
    try:
        fields = (here / "stat").read_text().rpartition(")")[2].split()
        boot = next(
            float(line.split()[1])
            for line in (_PROC / "stat").read_text().splitlines()
            if line.startswith("btime ")
        )
        ticks = os.sysconf("SC_CLK_TCK")
        return Process(
            cpu=(int(fields[_UTIME]) + int(fields[_STIME])) / ticks,
            started=boot + int(fields[_STARTTIME]) / ticks,
            virtual=int(fields[_VSIZE]),
            resident=int(fields[_RSS]) * os.sysconf("SC_PAGE_SIZE"),
            open_fds=sum(1 for _ in (here / "fd").iterdir()),
            max_fds=_max_fds((here / "limits").read_text()),
        )
    except (OSError, StopIteration, IndexError, ValueError):
        return None


def _max_fds(bounds: str) -> int:
    line = next(line for line in bounds.splitlines() if line.startswith("Max open files"))
    soft = line.split()[3]
    return 0 if soft == _NO_BOUND else int(soft)


def told(pids: Iterable[int]) -> Iterator[tuple[Metric, float]]:
    """The metrics of these processes together."""
    found = [process for pid in pids if (process := look(pid)) is not None]
    if not found:
        return
    yield catalogue.CPU, sum(one.cpu for one in found)
    yield catalogue.RESIDENT, sum(one.resident for one in found)
    yield catalogue.VIRTUAL, sum(one.virtual for one in found)
    yield catalogue.STARTED, min(one.started for one in found)
    yield catalogue.OPEN_FDS, sum(one.open_fds for one in found)
    yield catalogue.MAX_FDS, sum(one.max_fds for one in found)
