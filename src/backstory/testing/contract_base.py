"""The fixtures that all parts of the contract share."""

from __future__ import annotations

import pytest

from backstory.ports.store import Store
from backstory.testing.clock import FakeClock
from backstory.testing.scene import Scene


class Contract:
    """Gives each test a `scene`; the subclass that is run gives the `store`.

    A store that is `ENCRYPTED` finds no beginnings of words, and shares chunks within a subject only.
    """

    ENCRYPTED = False

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    async def scene(self, store: Store, clock: FakeClock) -> Scene:
        """One tenant of the store. A coroutine, so that it comes after the store's loop."""
        return Scene(store, clock)
