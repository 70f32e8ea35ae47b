"""Where output goes: standard output, or a file that takes its name once it is whole."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Self

from backstory.errors import InvalidError

STDOUT: Final = "-"


class Target:
    """Takes bytes. A file stays as it was unless all of them were written.

    One that is `private` is for its owner alone.
    """

    def __init__(self, name: str, *, private: bool = False) -> None:
        self._mode = 0o600 if private else 0o666
        self._name = "standard output" if name == STDOUT else name
        self._path = None if name == STDOUT else Path(name)
        self._part = None if name == STDOUT else Path(f"{name}.part")

    def __enter__(self) -> Self:
        with self._told():
            self._file: BinaryIO = self._opened(self._part) if self._part else sys.stdout.buffer
        return self

    def _opened(self, part: Path) -> BinaryIO:
        part.unlink(missing_ok=True)  # left by somebody who was killed, with another mode
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        return os.fdopen(os.open(part, flags, self._mode), "wb")

    def write(self, data: bytes) -> None:
        """Write some more.

        Raises:
            InvalidError: it cannot be written.
            BrokenPipeError: nobody reads any more.
        """
        left = memoryview(data)
        with self._told():
            while left:  # an output without a buffer takes what it has room for
                left = left[self._file.write(left) :]

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                with self._told():
                    self._finish()
        finally:
            if self._part is not None:
                with contextlib.suppress(OSError):  # it was told, and the file goes away
                    self._file.close()
                self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        self._file.flush()
        if self._part is not None and self._path is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._path)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise InvalidError(f"{self._name} cannot be written: {error.strerror}") from error
