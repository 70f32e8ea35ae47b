"""Switches that make a disk fail, for tests of what a store does then.

`FaultyDisk` stands between SQLite and the real files. It counts what reaches the disk, and
fails what a test tells it to fail::

    disk = FaultyDisk()
    store = await open_store(SqliteOptions(path, vfs=disk.name))
    with disk.full():
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Literal

import apsw

Action = Literal["read", "write", "sync"]
_numbers = count(1)


class FaultyDisk(apsw.VFS):
    """An SQLite VFS with switches. `name` goes into `SqliteOptions.vfs`.

    `events` lists what was written and made durable, in order: the action, and the last part
    of the file's name after the path ("store.db-wal").
    """

    def __init__(self) -> None:
        self.name = f"backstory-faulty-{next(_numbers)}"
        self.events: list[tuple[Action, str]] = []
        self._failing: dict[Action, type[apsw.Error]] = {}
        self._left: dict[Action, int] = {}
        super().__init__(self.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> _FaultyFile:  # noqa: N802 - SQLite's name
        return _FaultyFile(self, name, flags)

    @contextmanager
    def full(self) -> Iterator[None]:
        """No room for another byte."""
        with self.failing("write", error=apsw.FullError):
            yield

    @contextmanager
    def failing(self, *actions: Action, error: type[apsw.Error] = apsw.IOError) -> Iterator[None]:
        """These actions fail, by an I/O error if nothing else is said."""
        before = dict(self._failing)
        self._failing |= dict.fromkeys(actions, error)
        try:
            yield
        finally:
            self._failing = before

    def fail_after(self, action: Action, times: int | None) -> None:
        """Let the action succeed so many times more, then fail; None mends the disk."""
        self._left.pop(action, None)
        self._failing.pop(action, None)
        if times is not None:
            self._left[action] = times

    def act(self, action: Action, file: str) -> None:
        """Note the action, or fail it."""
        if action in self._left:
            self._left[action] -= 1
            if self._left[action] < 0:
                self._failing[action] = apsw.IOError
        if action in self._failing:
            raise self._failing[action](f"the test's disk fails to {action}")
        if action != "read":
            self.events.append((action, file))

    def count(self, action: Action) -> int:
        return sum(1 for done, _ in self.events if done == action)


class _FaultyFile(apsw.VFSFile):
    """One open file of such a disk."""

    def __init__(self, disk: FaultyDisk, name: Any, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._disk, self._file = disk, path.rpartition("/")[2]
        super().__init__("", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's name
        self._disk.act("read", self._file)
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.act("write", self._file)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.act("sync", self._file)
        super().xSync(flags)
