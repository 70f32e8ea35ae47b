"""A progress bar on a terminal, and nothing where nobody watches."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

import rich.console
import rich.progress


class Progress:
    """How far an import has got, in bytes of its files."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._before = 0
        self._here = 0
        self._bar = _bar() if sys.stderr.isatty() else None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("reading", total=self._total or None, read=0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def at(self, done: int, read: int) -> None:
        """The present file was read up to byte `done`; `read` conversations in all."""
        self._here = done
        if self._bar is not None:
            self._bar.update(self._task, completed=self._before + done, read=read)

    def file_done(self) -> None:
        """The next bytes are those of the next file."""
        self._before, self._here = self._before + self._here, 0


def _bar() -> rich.progress.Progress:
    return rich.progress.Progress(
        rich.progress.TextColumn("{task.fields[read]:,} conversations"),
        rich.progress.BarColumn(),
        rich.progress.DownloadColumn(),
        rich.progress.TimeRemainingColumn(),
        console=rich.console.Console(stderr=True),
        transient=True,
    )
