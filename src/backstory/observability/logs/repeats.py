"""Lines that come again and again: the first few are written, then one in a while with a count."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from backstory import limits

REPEATED: Final = "repeated"
"""What a line says of those like it that were left out before it."""


@dataclass(slots=True)
class _Kind:
    """Lines that are alike: since `begun`, so many were `written` and `left_out`."""

    begun: float
    most: int
    written: int = 0
    left_out: int = 0


class Repeats(logging.Filter):
    """Lets through warnings and errors while they are few; what is less important always.

    Lines are alike that come from the same place with the same code. In a span of
    `limits.LOG_REPEAT_SECONDS` the first `limits.LOG_REPEATS` are written; where there were
    more, the next span has one.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._lock = threading.Lock()
        self._kinds: OrderedDict[tuple[str, int, str, object], _Kind] = OrderedDict()
        self.left_out = 0
        """How many lines were, in all."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        key = (record.name, record.lineno, str(record.msg), getattr(record, "code", None))
        with self._lock:
            return self._written(self._kind(key), record)

    def _kind(self, key: tuple[str, int, str, object]) -> _Kind:
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _Kind(self._now(), limits.LOG_REPEATS)
            if len(self._kinds) > limits.LOG_KINDS:
                self._kinds.popitem(last=False)
        self._kinds.move_to_end(key)
        return kind

    def _written(self, kind: _Kind, record: logging.LogRecord) -> bool:
        now = self._now()
        if now - kind.begun >= limits.LOG_REPEAT_SECONDS:
            kind.most = 1 if kind.left_out else limits.LOG_REPEATS
            kind.begun, kind.written = now, 0
        if kind.written >= kind.most:
            kind.left_out += 1
            self.left_out += 1
            return False
        kind.written += 1
        if kind.left_out:
            setattr(record, REPEATED, kind.left_out)
            kind.left_out = 0
        return True
