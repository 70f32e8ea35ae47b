"""A scrub looks at everything, by one process of all, goes on where it was, and tells."""

import asyncio
import contextlib
import logging

import pytest

from backstory import limits
from backstory.clock import SECOND
from backstory.contexts.scrubbing import Scrub
from backstory.errors import StoreCorruptError
from backstory.ports.scrubbing import ORDER, Damage, Looked, Place
from backstory.testing import FakeClock, ModelStore

SECONDS = 30
DAMAGE = Damage("chunk", "acme", "7", "its bytes are missing")


class Rows:
    """Three rows of each kind, of which those in `damaged` are; `broken` cannot be read."""

    def __init__(self):
        self.seen, self.damaged, self.broken = [], {}, None
        self.reached = asyncio.Event()
        self.stop_at = None

    async def scrub(self, place):
        if place == self.stop_at:
            self.reached.set()
            await asyncio.Event().wait()
        if place.what == self.broken:
            raise StoreCorruptError("a page cannot be read")
        self.seen.append((place.what, place.after))
        damage = self.damaged.get((place.what, place.after), ())
        if place.after < 2:
            return Looked(Place(place.what, 0, place.after + 1), 1, damage)
        at = ORDER.index(place.what) + 1
        return Looked(Place(ORDER[at]) if at < len(ORDER) else None, 1, damage)


EVERYTHING = [(what, after) for what in ORDER for after in range(3)]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(clock):
    return ModelStore(clock)


@pytest.fixture
def rows():
    return Rows()


@pytest.fixture(autouse=True)
def _hurried(monkeypatch):
    for name in ("SCRUB_DELAY_SECONDS", "SCRUB_PAUSE_SECONDS", "SCRUB_KEEP_SECONDS", "SCRUB_REST"):
        monkeypatch.setattr(limits, name, 0)


@contextlib.asynccontextmanager
async def running(scrub):
    task = asyncio.create_task(scrub.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition):
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_everything_is_looked_at_once_and_then_not_before_its_time(store, rows, clock):
    scrub = Scrub(rows, store, clock, hours=24)
    async with running(scrub):
        await until(lambda: scrub.report.ended)
        assert rows.seen == EVERYTHING
        assert scrub.report.counts == dict.fromkeys(ORDER, 3)
        clock.advance(micros=23 * 3600 * SECOND)
        for _ in range(100):
            await asyncio.sleep(0)
        assert rows.seen == EVERYTHING
        clock.advance(micros=3600 * SECOND)
        await until(lambda: len(rows.seen) == 2 * len(EVERYTHING))


async def test_without_hours_nothing_is_looked_at_but_what_others_found_is_known(
    store, rows, clock
):
    scrub = Scrub(rows, store, clock, hours=0)
    rows.damaged[("chunk", 1)] = (DAMAGE,)
    await Scrub(rows, store, clock).now(lambda place, looked: None)
    rows.seen.clear()
    async with running(scrub):
        await until(lambda: scrub.report.damage)
    assert rows.seen == []


async def test_damage_is_told_by_health_numbers_and_the_log(store, rows, clock, caplog):
    scrub = Scrub(rows, store, clock)
    await scrub.check()
    rows.damaged[("chunk", 1)] = (DAMAGE,)
    with caplog.at_level(logging.INFO):
        report = await scrub.now(lambda place, looked: None)
    assert report.damage == (DAMAGE,)
    with pytest.raises(StoreCorruptError, match="chunk 7 of tenant acme: its bytes are missing"):
        await scrub.check()
    numbers = {(name, *labels): value for name, labels, value in scrub.numbers()}
    assert numbers["scrub_damage", "chunk"] == 1
    assert numbers["scrub_damage", "log"] == 0
    assert numbers["scrub_ended_seconds",] == clock.now() / SECOND
    assert "damage in the store: chunk 7 of tenant acme" in caplog.text
    assert "3 of manifest looked at, 1 damaged" in caplog.text


async def test_damage_counts_until_a_whole_look_has_not_found_it(store, rows, clock):
    scrub = Scrub(rows, store, clock, hours=1)
    rows.damaged[("context", 0)] = (DAMAGE,)
    await scrub.now(lambda place, looked: None)
    rows.damaged.clear()
    rows.stop_at = Place("manifest")
    clock.advance(micros=3600 * SECOND)
    async with running(scrub):
        await rows.reached.wait()
        assert scrub.report.damage == (DAMAGE,)
    rows.stop_at = None
    assert not (await scrub.now(lambda place, looked: None)).damage


async def test_another_process_goes_on_where_the_first_was_once_it_is_silent(store, rows, clock):
    first, second = (Scrub(rows, store, clock, hours=1) for _ in range(2))
    rows.stop_at = Place("chunk", 0, 1)
    rows.damaged[("context", 0)] = (DAMAGE,)
    async with running(first):
        await rows.reached.wait()
        rows.stop_at = None
        async with running(second):
            for _ in range(200):
                await asyncio.sleep(0)
            assert second.report.damage == (DAMAGE,), "it reads what the first has found"
            assert ("manifest", 0) not in rows.seen, "but leaves the work to it"
    clock.advance(micros=int(limits.SCRUB_LEASE_SECONDS * SECOND))
    async with running(second):
        await until(lambda: second.report.ended)
    again = [one for one in EVERYTHING if rows.seen.count(one) > 1]
    assert sorted(set(rows.seen)) == sorted(EVERYTHING)
    assert len(again) <= 1, "only what was not yet written down is done again"
    assert second.report.damage == (DAMAGE,)


async def test_of_two_processes_one_looks(store, rows, clock):
    first, second = (Scrub(rows, store, clock, hours=1) for _ in range(2))
    async with running(first), running(second):
        await until(lambda: first.report.ended and second.report.ended)
    assert rows.seen == EVERYTHING


async def test_rows_that_cannot_be_read_are_damage_and_the_rest_is_looked_at(store, rows, clock):
    rows.broken = "log"
    report = await Scrub(rows, store, clock).now(lambda place, looked: None)
    assert [(one.what, one.detail) for one in report.damage] == [("log", "a page cannot be read")]
    assert ("manifest", 2) in rows.seen


async def test_no_more_damage_is_told_one_by_one_than_is_bounded(store, rows, clock):
    many = tuple(Damage("chunk", "acme", str(n), "gone") for n in range(limits.SCRUB_DAMAGE * 2))
    rows.damaged[("chunk", 0)] = many
    report = await Scrub(rows, store, clock).now(lambda place, looked: None)
    assert report.damage == many[: limits.SCRUB_DAMAGE]


async def test_a_report_of_another_release_is_as_good_as_none(store, rows, clock):
    await store.put_note("", "scrub/report", b'{"place": 7}', clock.now() + SECOND * 3600)
    scrub = Scrub(rows, store, clock, hours=1)
    async with running(scrub):
        await until(lambda: scrub.report.ended)
    assert rows.seen == EVERYTHING
