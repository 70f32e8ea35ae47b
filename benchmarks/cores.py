"""Which cores servers have, and which those that ask them: two of those that we may use."""

from __future__ import annotations

import os
from typing import Final

_MINE = sorted(os.sched_getaffinity(0))
SERVER: Final = str(_MINE[0])
CLIENT: Final = str(_MINE[min(1, len(_MINE) - 1)])
BOTH: Final = f"{SERVER},{CLIENT}"
