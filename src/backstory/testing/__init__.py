"""For those who test against Backstory, or write a store of their own.

`store_contract` is the suite that every store passes, `ModelStore` the in-memory store that
passes it too, `bus_contract` the suite of change buses, `FakeClock` a clock to set, `faults` the
switches that make a disk fail.
"""

from __future__ import annotations

from backstory.testing.clock import FakeClock
from backstory.testing.model import ModelStore

__all__ = ["FakeClock", "ModelStore"]
