"""How the interpreter shares its time: requests first, long work a little later.

Long work runs in threads, but a thread keeps the interpreter for a switch interval when the
event loop wants it, and the collector of circular garbage stops them all. By default that is
five milliseconds, and a look through every object there is whenever a large body has
brought many new ones: 90 ms were measured for one of a megabyte. And whoever asks the system for
random bytes lets go of the interpreter, and waits until the other thread does.
"""

from __future__ import annotations

import gc
import os
import secrets
import sys
from collections import deque
from typing import Final

from backstory import ids

_SWITCH_SECONDS: Final = 0.001
_AHEAD: Final = 256
_NEW_OBJECTS: Final = 10_000  # more than go, between two looks at the youngest
_YOUNG_LOOKS: Final = 10
_OLD_LOOKS: Final = 100
"""One look at everything for so many at the middle generation: after ten million objects."""


def settle() -> None:
    """Once all is loaded and open: what is there now stays, and is not looked through again."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _YOUNG_LOOKS, _OLD_LOOKS)
    ids.SOURCE.take = Drawn().take


class Drawn:
    """Random bytes that nobody has yet. Who takes some, takes them alone, on whatever thread."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        os.register_at_fork(after_in_child=self._waiting.clear)

    def take(self, size: int) -> bytes:
        """So many bytes, drawn ahead where they are a name."""
        if size != ids.ID_BYTES:
            return secrets.token_bytes(size)
        while True:
            try:
                return self._waiting.popleft()
            except IndexError:
                raw = secrets.token_bytes(_AHEAD * size)
                self._waiting.extend(raw[at : at + size] for at in range(0, len(raw), size))
