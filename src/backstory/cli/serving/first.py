"""What falls to the first process of a container, PID 1.

The kernel gives it no signal that it does not handle, so that a stop would wait for a kill until
the server handles them itself; and it gives it every process whose parent has ended, to be buried.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Final

_FIRST: Final = 1


def stop_when_asked() -> None:
    """End at a signal that comes before the server handles them: nothing has been begun by then."""
    if os.getpid() == _FIRST:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _frame: os._exit(128 + number))


def bury_strangers() -> None:
    """Take the exit codes of processes that were adopted, so that the system can forget them."""
    if os.getpid() == _FIRST:
        ours = {child.pid for child in multiprocessing.active_children()}
        for pid in _children(_FIRST) - ours:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _children(pid: int) -> set[int]:
    """Those of the main thread, which is the one that adopts; none where the kernel has no list."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return set()
    return {int(each) for each in listed.split()}
