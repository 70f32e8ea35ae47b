"""What can become of a source's entries: one small file a strategy, one table of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from backstory.rendering.strategies.none import NoEntries
from backstory.rendering.strategies.pinned import Pinned
from backstory.rendering.strategies.recent import Recent
from backstory.rendering.strategies.relevant import Relevant
from backstory.rendering.strategies.strategy import Picked, Strategy
from backstory.rendering.strategies.summary_and_recent import SummaryAndRecent

__all__ = ["TABLE", "Picked", "Strategy"]

_ALL: Final[tuple[Strategy, ...]] = (
    Recent(),
    SummaryAndRecent(),
    Relevant(),
    Pinned(),
    NoEntries(),
)

TABLE: Final[Mapping[str, Strategy]] = MappingProxyType({each.name: each for each in _ALL})
"""All strategies by name."""
