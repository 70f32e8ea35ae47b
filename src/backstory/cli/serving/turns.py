"""How the interpreter shares its time: requests first, long work a little later.

Long work runs in threads, but a thread keeps the interpreter for a switch interval when the
event loop wants it, and the collector of circular garbage stops them all. By default that is
five milliseconds, and a look through every object there is whenever a large body has
brought many new ones: 90 ms were measured for one of a megabyte.
"""

from __future__ import annotations

import gc
import sys
from typing import Final

_SWITCH_SECONDS: Final = 0.001
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
