"""All lines of the process: the standard library's logging, put into form by structlog."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, MutableMapping
from typing import Any, Final

from structlog.stdlib import ProcessorFormatter

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
        self.form: forms.Form = forms.as_json if as_json else forms.for_people
        self.lines = Lines(fd, self._gap)
        self.repeats = Repeats()
        self.levels: Counter[str] = Counter()
        """How many lines were told of each level."""
        self.addFilter(self.repeats)
        self.setFormatter(ProcessorFormatter(processors=[forms.shaped, self._rendered]))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record).encode()
        except Exception:  # noqa: BLE001 -- a line that cannot be made must not stop anything
            line = self.form(_line("error", "a line of the log could not be made"))
        self.levels[record.levelname.lower()] += 1
        self.lines.write(line)

    def flush(self) -> None:
        self.lines.flush()

    def numbers(self) -> Iterator[tuple[str, tuple[str, ...], float]]:
        """What stands, as `ports.hooks.Numbers`."""
        for level, lines in self.levels.items():
            yield "log_lines", (level,), lines
        yield "log_lines_lost", ("repeated",), self.repeats.left_out
        yield "log_lines_lost", ("unwritable",), self.lines.lost

    def _rendered(self, _logger: object, _method: str, line: MutableMapping[str, Any]) -> str:
        return self.form(dict(line)).decode()

    def _gap(self, lost: int) -> bytes:
        return self.form(_line("warning", "lines of the log were lost") | {"lost": lost})


def _line(level: str, message: str) -> forms.Line:
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
