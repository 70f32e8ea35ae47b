"""Room for connections: each is an open file, and systems allow a process few by default.

And no file of ours where a closed standard stream was: others write there.
"""

from __future__ import annotations

import contextlib
import os
import resource
from typing import Final

from backstory import limits

WANTED: Final = limits.WATCHERS + 4096
"""One for each who may wait, and some for requests and the store."""


def allow_many() -> None:
    """Raise the soft limit as far as needed and allowed; workers inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # some systems allow less than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def keep_standard_streams() -> None:
    """Put nothing in the place of those that are closed."""
    while (taken := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(taken)
