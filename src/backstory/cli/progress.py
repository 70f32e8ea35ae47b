"""How far a copy of bytes is: a bar on a terminal, and nothing where nobody watches."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

import rich.console
import rich.progress


class BytesProgress:
    """Is called with the bytes that are done, and those of all."""

    def __init__(self, doing: str, *, shown: bool = True) -> None:
        self._bar = _bar() if shown and sys.stderr.isatty() else None
        self._doing = doing

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self._doing, total=None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)


def _bar() -> rich.progress.Progress:
    return rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.DownloadColumn(binary_units=True),
        rich.progress.TransferSpeedColumn(),
        rich.progress.TimeRemainingColumn(),
        console=rich.console.Console(stderr=True),
        transient=True,
    )
