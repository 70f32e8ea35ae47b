"""The thread that writes lines, so that neither a full disk nor a stuck reader stops the server.

What it cannot write, or not as fast as it comes, is lost and counted; a line says so as soon as
one can be written again.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import Final

from backstory import limits

_END: Final = b"\n"

Told = tuple[bytes, int]
"""A text, and how many lines it is."""


class Lines:
    """Takes lines from any thread; `fd` is where they go, None where there is no such place.

    `lost` counts those that were not written. `gap` makes the line that tells of some.
    """

    def __init__(self, fd: int | None, gap: Callable[[int], bytes]) -> None:
        self._fd, self._gap = fd, gap
        self._queue: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self._counting = threading.Lock()
        self._waiting = 0
        self._torn = False
        self._untold = 0
        self._hurry = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self.lost = 0

    def write(self, text: bytes, lines: int = 1) -> None:
        """The text, so many lines without the end of the last, is written soon."""
        with self._counting:
            waits = self._fd is not None and self._waiting + lines <= limits.LOG_WAITING
            self._waiting += lines if waits else 0
        if not waits:
            self._lose(lines)
            return
        self._queue.put((text, lines))
        if self._thread is None:
            self._start()

    def redirect(self, fd: int) -> None:
        """Lines go there from now on."""
        self._fd = fd

    def flush(self, seconds: float = limits.LOG_FLUSH_SECONDS) -> None:
        """Wait until all is written, for so long at most."""
        end = time.monotonic() + seconds
        self._hurry.set()
        while self._waiting and time.monotonic() < end:
            time.sleep(0.002)
        self._hurry.clear()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="log", daemon=True)
                self._thread.start()

    # -- in the thread -------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            text, lines = self._queue.get()
            texts = [text]
            # Whoever tells a line need not wake this thread for each of them.
            self._hurry.wait(limits.LOG_PAUSE_SECONDS)
            with contextlib.suppress(queue.Empty):
                while lines < limits.LOG_BATCH:
                    text, more = self._queue.get_nowait()
                    texts.append(text)
                    lines += more
            self._write(texts, lines)
            with self._counting:
                self._waiting -= lines

    def _write(self, texts: list[bytes], lines: int) -> None:
        told = self._untold
        if told:
            texts.insert(0, self._gap(told))
        text = _END.join(texts) + _END
        try:
            self._all(_END + text if self._torn else text)
        except (OSError, ValueError):
            self._lose(lines)
        else:
            with self._counting:
                self._untold -= told

    def _all(self, text: bytes) -> None:
        assert self._fd is not None
        rest = memoryview(text)
        while rest:
            try:
                written = os.write(self._fd, rest)
            except BlockingIOError:  # somebody made it so; others who write to it may need that
                time.sleep(0.01)
                continue
            self._torn = rest[:written].tobytes()[-1:] not in (b"", _END)
            rest = rest[written:]

    def _lose(self, lines: int) -> None:
        with self._counting:
            self.lost += lines
            self._untold += lines
