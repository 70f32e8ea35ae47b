"""Lines of logs: plain or gzip, from files or a pipe, with whatever else is among them."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from backstory import limits
from backstory.errors import MalformedError

Line = dict[str, Any]

STDIN: Final = "-"
_GZIP: Final = b"\x1f\x8b"


class Lines:
    """The JSON objects of log files, one after the other; counts what is none.

    Never holds more than one line. One over `limits.LOG_LINE_BYTES` counts as none.
    """

    def __init__(self) -> None:
        self.read = 0
        self.unreadable = 0
        self.broken: list[str] = []
        """Files that end in the middle."""

    def of(self, name: str) -> Iterator[Line]:
        """Those of one file; `-` is standard input.

        Raises:
            MalformedError: there is no such file, or it cannot be read.
        """
        try:
            if name == STDIN:
                yield from self._lines(sys.stdin.buffer)
            else:
                with Path(name).open("rb") as file:
                    yield from self._lines(file)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.broken.append(name)
        except OSError as error:
            raise MalformedError(f"cannot read {name}: {error.strerror or error}") from error

    def _lines(self, file: BinaryIO) -> Iterator[Line]:
        buffered = io.BufferedReader(file, 1 << 20) if isinstance(file, io.RawIOBase) else file
        peek = getattr(buffered, "peek", None)
        if peek is not None and peek(2)[:2] == _GZIP:
            buffered = gzip.GzipFile(fileobj=buffered)  # type: ignore[assignment] # reads as a file
        whole = True
        while raw := buffered.readline(limits.LOG_LINE_BYTES):
            before, whole = whole, raw.endswith(b"\n")
            if not before:  # the rest of one that is too long
                continue
            self.read += 1
            line = self._parsed(raw) if whole or len(raw) < limits.LOG_LINE_BYTES else None
            if line is not None:
                yield line
            elif raw.strip():
                self.unreadable += 1
            else:
                self.read -= 1

    def _parsed(self, raw: bytes) -> Line | None:
        begin = raw.find(b"{")  # what journald, Docker or Kubernetes put before it is passed over
        if begin < 0:
            return None
        try:
            found = orjson.loads(raw[begin:])
        except orjson.JSONDecodeError:
            return None
        return found if isinstance(found, dict) else None
