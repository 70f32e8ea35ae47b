"""The queue in which writers of all processes wait for their turn on one file.

SQLite alone lets writers poll for its lock, which starves some of them for a long time. The
kernel queues those who wait for `flock`, so each takes it before its transaction begins.
"""

from __future__ import annotations

import fcntl
import os
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from types import TracebackType

from backstory.errors import StoreUnavailableError


class FileLock:
    """An exclusive lock on one file, for one thread of this process at a time.

    Used as `with lock:`.

    Raises:
        StoreUnavailableError: another process holds it for longer than `seconds`.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self._fd = _open(path)

    def __enter__(self) -> None:
        if not self._at_once():
            self._queue_up()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    def _at_once(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _queue_up(self) -> None:
        """Wait in the kernel's queue, which knows no timeout, so another thread stands there."""
        turn: Future[None] = Future()
        threading.Thread(
            target=_stand, args=(self._fd, turn), name="backstory-lock", daemon=True
        ).start()
        try:
            turn.result(self._seconds)
        except FutureTimeoutError:
            if not turn.cancel():
                return  # it was our turn at the last moment
            # The thread closes its descriptor when its turn comes; we go on with another.
            self._fd = _open(self._path)
            raise StoreUnavailableError(
                f"another process has been writing for {self._seconds:g} s "
                f"(it holds {self._path}); nothing was written, try again",
                retry_after=1,
            ) from None


def _stand(fd: int, turn: Future[None]) -> None:
    fcntl.flock(fd, fcntl.LOCK_EX)
    if turn.set_running_or_notify_cancel():
        turn.set_result(None)
    else:
        os.close(fd)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailableError(f"{path} cannot be opened: {error.strerror}") from error
