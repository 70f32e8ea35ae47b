"""All lines of the process: the standard library's logging, put into form by structlog."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections import Counter
from typing import Final

import structlog

from backstory import clock
from backstory.observability.logs import lines as forms
from backstory.observability.logs.repeats import Repeats
from backstory.observability.logs.writing import Lines

_QUIET: Final = ("uvicorn.access", "mcp", "asyncio", "httpx", "httpcore", "opentelemetry")
"""Libraries of which nothing less than a warning is told."""
_OURS_TO_TELL: Final = ("asyncpg",)
"""Failures that we translate and tell of ourselves, once, which drivers log again and again."""


class Log(logging.Handler):
    """The way of all lines: put into form where they are told, written by another thread."""

    def __init__(self, *, as_json: bool, fd: int | None) -> None:
        super().__init__()
        self.form = forms.as_json if as_json else forms.for_people
        self.lines = Lines(fd, self._gap)
        self.repeats = Repeats()
        self.levels: Counter[str] = Counter()
        """How many lines were told of each level."""
        self.addFilter(self.repeats)
        render = [forms.shaped, self.form]
        self.setFormatter(structlog.stdlib.ProcessorFormatter(processors=render))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 -- a line that cannot be made must not stop anything
            line = self.form(None, "", _line("error", "a line of the log could not be made"))
        self.levels[record.levelname.lower()] += 1
        self.lines.write(line)  # type: ignore[arg-type] # our forms make bytes

    def flush(self) -> None:
        self.lines.flush()

    def _gap(self, lost: int) -> bytes:
        return self.form(None, "", _line("warning", "lines of the log were lost") | {"lost": lost})


def _line(level: str, message: str) -> dict[str, object]:
    at = clock.to_text(time.time_ns() // 1000)
    return {"at": at, "level": level, "logger": __name__, "message": message}


def configure(*, as_json: bool, level: str) -> Log:
    """All log lines of the process go to standard error; those of libraries from warnings on."""
    log = Log(as_json=as_json, fd=_standard_error())
    logging.basicConfig(level=level.upper(), handlers=[log], force=True)
    set_level(level)
    for name in _OURS_TO_TELL:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return log


def set_level(level: str) -> None:
    """The least important lines that are written from now on."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger().setLevel(number)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def present() -> Log | None:
    """The log of this process; None where nobody configured one."""
    return next((each for each in logging.getLogger().handlers if isinstance(each, Log)), None)


def _standard_error() -> int | None:
    """A descriptor of our own: another file that takes a closed one's number is not written to."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return os.dup(sys.stderr.fileno())
    return None
