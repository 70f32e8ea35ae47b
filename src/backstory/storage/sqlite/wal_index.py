"""Whether anybody has committed to the file, told from memory that all its users share.

Each commit in WAL mode writes the header of the WAL index, with a counter that goes up, and each
reader compares it with what it saw before: that is how SQLite itself finds that its pages are
old (https://sqlite.org/walformat.html section 2.1). Looking at it here costs no system call,
where SQLite takes a lock and gives it back.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

_COPY: Final = 48  # bytes of the header, which stands there twice
_BOTH: Final = 2 * _COPY

Inode = tuple[int, int]


class DataVersion:
    """A number that changes when any process has written to the file.

    `ask` asks SQLite for it (`PRAGMA data_version`), whenever the index is another than when it
    was asked before, or cannot be looked at. Without a path there is none to look at.
    """

    def __init__(self, path: Path | None, ask: Callable[[], int]) -> None:
        self._path, self._ask = path, ask
        self._index: _Index | None = None
        self._before: bytes | None = None
        self._version = -1

    def __call__(self) -> int:
        """The number. Whatever `ask` raises."""
        index = self._index
        told = None if index is None else index.map[:_BOTH]
        if told is not None and told == self._before:
            return self._version
        version = self._ask()
        # It is of this moment or a later one, so the next look finds whatever came between.
        self._version = version
        self._before = told if told is not None and told[:_COPY] == told[_COPY:] else None
        if index is None and self._path is not None:
            self._index, self._path = _opened(self._path), None
        return version

    def close(self) -> None:
        """To be called once the store has closed all its connections."""
        index, self._index, self._path = self._index, None, None
        if index is not None:
            _close(index)


class _Index:
    """One file that is mapped, for all stores of this process that are on it."""

    def __init__(self, inode: Inode, descriptor: int) -> None:
        self.inode, self.descriptor = inode, descriptor
        self.map = mmap.mmap(descriptor, _BOTH, prot=mmap.PROT_READ)
        self.users = 1


_open: Final[dict[Inode, _Index]] = {}
_lock: Final = threading.Lock()
"""A process that closes any descriptor of a file lets go of all its locks on it (`fcntl`): those
of SQLite. So none is closed before the last store on the file is."""


def _opened(path: Path) -> _Index | None:
    """The index of a database, None where there is none to be looked at."""
    real = path.resolve()
    there = real.with_name(f"{real.name}-shm")
    with _lock:
        try:
            found = there.stat()
            inode = found.st_dev, found.st_ino
            known = _open.get(inode)
            if known is not None:
                known.users += 1
                return known
            if found.st_size < _BOTH:
                return None
            index = _Index(inode, os.open(there, os.O_RDONLY | os.O_CLOEXEC))
        except (OSError, ValueError):
            return None
        _open[inode] = index
        return index


def _close(index: _Index) -> None:
    with _lock:
        index.users -= 1
        if index.users:
            return
        del _open[index.inode]
        index.map.close()
        os.close(index.descriptor)
