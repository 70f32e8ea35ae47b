"""Other projects at the same work as Backstory, each as its users run it.

`work.py` is what all of them do, in a process of their own environment (`scripts/peers`); the other
modules say how each does it. What cannot run is named in `LEFT_OUT`, with the reason.
"""

from __future__ import annotations

from typing import Final

LEFT_OUT: Final = {
    "agent-memory-server": "needs Python 3.12, and its newest release on PyPI does not start with "
    "the client that it is resolved with",
}
