"""Histories: what callers asked, were told and saw while things went wrong, and what is true.

`check` finds everything in a history that a store, or a service on it, may never do. Whoever
writes a store, or runs the service, can record one of their own and have it checked.
"""

from __future__ import annotations

from backstory.testing.histories.checking import check
from backstory.testing.histories.findings import Fault, Finding
from backstory.testing.histories.history import (
    History,
    Kept,
    Outcome,
    Read,
    Truth,
    Watch,
    Write,
)

__all__ = [
    "Fault",
    "Finding",
    "History",
    "Kept",
    "Outcome",
    "Read",
    "Truth",
    "Watch",
    "Write",
    "check",
]
