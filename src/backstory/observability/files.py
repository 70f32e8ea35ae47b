"""What is looked up of a server's files when its metrics are asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from backstory.observability import catalogue
from backstory.observability.catalogue import Metric

Found = Iterator[tuple[Metric, tuple[str, ...], float]]


def store(path: Path, name: str = "") -> Found:
    """Sizes of a SQLite store's files; for the first store the room that is left beside them, too."""
    behind = f".{name}" if name else ""
    try:
        if not name:
            disk = os.statvfs(path.parent)
            yield catalogue.FREE_BYTES, (), disk.f_bavail * disk.f_frsize
        for label, file in (("database", path), ("wal", path.with_name(f"{path.name}-wal"))):
            yield catalogue.STORE_BYTES, (label + behind,), file.stat().st_size
    except OSError:  # it is being moved, or the log is not there yet
        return


def certificate(ends: Callable[[], float | None]) -> Found:
    """The time that the server's certificate holds on; negative once it has ended."""
    end = ends()
    if end is not None:
        yield catalogue.CERTIFICATE, (), end - time.time()
