"""How far something has come, in bytes: a bar on a terminal, and nothing where nobody watches."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

import rich.console
import rich.progress

_DESCRIPTION = "{task.description}"


class Bar:
    """Of `total` bytes, None where that is told later. `text` may show `fields` of its own."""

    def __init__(
        self,
        doing: str,
        total: int | None = None,
        *,
        text: str = _DESCRIPTION,
        shown: bool = True,
        **fields: Any,
    ) -> None:
        self._bar = _bar(text) if shown and sys.stderr.isatty() else None
        self._doing, self._total, self._fields = doing, total, fields

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self._doing, total=self._total or None, **self._fields)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, count: int) -> None:
        """So many bytes more are done."""
        if self._bar is not None:
            self._bar.advance(self._task, count)

    def at(self, done: int, total: int | None = None, **fields: Any) -> None:
        """So many bytes are done, of all where that is told."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, **fields)


def _bar(text: str) -> rich.progress.Progress:
    return rich.progress.Progress(
        rich.progress.TextColumn(text),
        rich.progress.BarColumn(),
        rich.progress.DownloadColumn(binary_units=True),
        rich.progress.TransferSpeedColumn(),
        rich.progress.TimeRemainingColumn(),
        console=rich.console.Console(stderr=True),
        transient=True,
    )
