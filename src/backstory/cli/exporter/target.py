"""Where an export goes: standard output, or a file that takes its name once it is whole."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO, Final, Self

from backstory.errors import InvalidError

STDOUT: Final = "-"


class Target:
    """Takes lines. A file stays as it was unless all of them were written."""

    def __init__(self, name: str) -> None:
        self._path = None if name == STDOUT else Path(name)
        self._part = None if name == STDOUT else Path(f"{name}.part")

    def __enter__(self) -> Self:
        try:
            self._file: BinaryIO = self._part.open("wb") if self._part else sys.stdout.buffer
        except OSError as error:
            raise InvalidError(f"{self._part} cannot be written: {error.strerror}") from error
        return self

    def write(self, line: bytes) -> None:
        """Write one line.

        Raises:
            InvalidError: it cannot be written.
        """
        try:
            self._file.write(line)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise InvalidError(f"writing failed: {error.strerror}") from error

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._part is None or self._path is None:
            self._file.flush()
            return
        if kind is None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)
