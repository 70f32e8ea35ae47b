"""Processor time of other processes, which waits and other work on the machine hardly change."""

from __future__ import annotations

import ctypes
import time

_LIBC = ctypes.CDLL(None, use_errno=True)


def seconds(pid: int) -> float:
    """What all threads of a process have used so far, finer than the ticks of `/proc`."""
    clock = ctypes.c_int()
    if error := _LIBC.clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise OSError(error, f"process {pid} has no clock")
    return time.clock_gettime(clock.value)
