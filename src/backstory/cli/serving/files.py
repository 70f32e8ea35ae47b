"""Room for connections: each is an open file, and systems allow a process few by default."""

from __future__ import annotations

import contextlib
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
