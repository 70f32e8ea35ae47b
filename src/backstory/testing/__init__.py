"""For those who test against Backstory, or write a store, cache or summariser of their own.

`store_contract`, `cache_contract`, `bus_contract` and `summariser_contract` are the suites that all of their kind
pass, `ModelStore` the in-memory store that passes the first, `FakeClock` a clock to set, `faults`
the switches that make a disk fail.
"""

from __future__ import annotations

from backstory.testing.clock import FakeClock
from backstory.testing.model import ModelStore

__all__ = ["FakeClock", "ModelStore"]
