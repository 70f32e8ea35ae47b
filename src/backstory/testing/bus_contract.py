"""What every change bus has to do, as tests that its author can run.

Subclass `BusContract` and give it a fixture `join`, which makes one more node of the same store
each time it is awaited, and closes all of them at the end::

    class TestMyBus(BusContract):
        @pytest.fixture
        async def join(self):
            ...
            yield join
            ...

A `Node` is a bus, and what writes on that node and announces it. Where a bus looks on its own
once in a while, the fixture has to see to it that it does not: a test would take that for a
message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from backstory.ports.bus import ChangeBus

SECONDS = 20.0  # after which a wait has failed
TENANTS = ("acme", "Ünïcode 東京", 'it\'s "quoted"; --', "x" * 128, "*", "none heard of")


@dataclass(frozen=True, slots=True)
class Node:
    """One node: its bus, and a change made and announced on it."""

    bus: ChangeBus
    change: Callable[[str], Awaitable[None]]


Join = Callable[[], Awaitable[Node]]


class Ear:
    """Counts what it hears, and lets a test wait for more."""

    def __init__(self) -> None:
        self.heard = 0
        self._news = asyncio.Event()

    def __call__(self) -> None:
        self.heard += 1
        self._news.set()

    async def more(self) -> None:
        """Until something is heard from now on, or was since the last time."""
        async with asyncio.timeout(SECONDS):
            await self._news.wait()
        self._news.clear()

    def forget(self) -> None:
        self.heard = 0
        self._news.clear()


class BusContract:
    """Hints arrive, everywhere, and nothing that can be sent or heard stops them."""

    async def test_a_change_is_heard_of_on_its_own_node(self, join: Join) -> None:
        node, ear = await join(), Ear()
        node.bus.subscribe("acme", ear)
        await node.change("acme")
        await ear.more()

    async def test_a_change_is_heard_of_on_every_other_node(self, join: Join) -> None:
        nodes, ears = [await join() for _ in range(3)], [Ear() for _ in range(3)]
        for node, ear in zip(nodes, ears, strict=True):
            node.bus.subscribe("acme", ear)
        for node in nodes:
            for ear in ears:
                ear.forget()
            await node.change("acme")
            for ear in ears:
                await ear.more()

    @pytest.mark.parametrize("tenant", TENANTS)
    async def test_any_tenant_will_do(self, join: Join, tenant: str) -> None:
        here, there, ear = await join(), await join(), Ear()
        here.bus.subscribe(tenant, ear)
        ear.forget()
        await there.change(tenant)
        await ear.more()

    async def test_nothing_is_lost_in_a_crowd(self, join: Join) -> None:
        """Of many changes, each is followed by a hint that came after it."""
        here, there, ear = await join(), await join(), Ear()
        here.bus.subscribe("acme", ear)
        for _ in range(20):
            for number in range(100):
                there.bus.announce(f"somebody {number}")
            ear.forget()
            await there.change("acme")
            await ear.more()

    async def test_more_tenants_at_once_than_a_message_names(self, join: Join) -> None:
        here, there = await join(), await join()
        ears = [Ear() for _ in range(3)]
        for number, ear in enumerate(ears):
            here.bus.subscribe(f"t{number * 4999}", ear)
            ear.forget()
        for number in range(10_000):
            there.bus.announce(f"t{number}")
        await there.change("t0")
        for ear in ears:
            await ear.more()

    async def test_announcing_waits_for_nobody(self, join: Join) -> None:
        node, ear = await join(), Ear()
        node.bus.subscribe("acme", ear)
        ear.forget()
        node.bus.announce("acme")
        assert ear.heard == 0
        await ear.more()

    async def test_who_has_left_hears_nothing_more(self, join: Join) -> None:
        here, there = await join(), await join()
        stays, goes = Ear(), Ear()
        here.bus.subscribe("acme", stays)
        leave = here.bus.subscribe("acme", goes)
        leave()
        leave()
        goes.forget()
        stays.forget()
        await there.change("acme")
        await stays.more()
        assert goes.heard == 0

    async def test_a_hearer_that_fails_silences_nobody(
        self, join: Join, caplog: pytest.LogCaptureFixture
    ) -> None:
        here, there, ear = await join(), await join(), Ear()

        def broken() -> None:
            raise RuntimeError("the hearer of a test")

        here.bus.subscribe("acme", broken)
        here.bus.subscribe("acme", ear)
        for _ in range(2):
            ear.forget()
            await there.change("acme")
            await ear.more()
        assert "a hearer of changes failed" in caplog.text

    async def test_a_hearer_may_leave_and_come_while_it_hears(self, join: Join) -> None:
        here, there, ear = await join(), await join(), Ear()

        def once() -> None:
            leave()
            here.bus.subscribe("acme", ear)

        leave = here.bus.subscribe("acme", once)
        await there.change("acme")
        while not ear.heard:
            await there.change("acme")
            await asyncio.sleep(0)

    async def test_a_bus_that_works_passes_its_check(self, join: Join) -> None:
        await (await join()).bus.check()

    async def test_after_the_end_nothing_is_heard_and_nothing_fails(self, join: Join) -> None:
        here, there = await join(), await join()
        gone, stays = Ear(), Ear()
        here.bus.subscribe("acme", gone)
        there.bus.subscribe("acme", stays)
        await here.bus.aclose()
        await here.bus.aclose()
        gone.forget()
        stays.forget()
        here.bus.announce("acme")
        here.bus.subscribe("acme", gone)()
        await there.change("acme")
        await stays.more()
        assert gone.heard == 0
