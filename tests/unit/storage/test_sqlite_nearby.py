"""What was read a moment ago is given again only while nobody has written to the file."""

import asyncio

import pytest

from backstory import limits
from backstory.domain.contexts import Snapshot
from backstory.ports.store import EntryQuery
from backstory.storage.sqlite import nearby, open_store
from backstory.storage.sqlite.nearby import Near, Nearby
from backstory.storage.tables import reading
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, entry, key


@pytest.fixture
async def scene(tmp_path):
    clock = FakeClock()
    store = await open_store(tmp_path / "s.db", clock=clock)
    yield Scene(store, clock)
    await store.aclose()


@pytest.fixture
def reads(monkeypatch):
    """Contexts that were read from the file."""
    made, find = [], reading.find

    def watched(db, tenant, of, **more):
        made.append(of)
        return find(db, tenant, of, **more)

    monkeypatch.setattr(reading, "find", watched)
    return made


async def snapshot(store, name="notes"):
    return await store.snapshot("acme", key(name))


async def test_nobody_wrote_so_nothing_is_read(scene, reads):
    await scene.put("notes", {"n": 1})
    first = await snapshot(scene.store)
    reads.clear()
    assert await snapshot(scene.store) is first
    assert reads == []


async def test_its_view_is_near_as_well(scene, reads):
    await scene.put("notes", {"n": 1})
    first = await snapshot(scene.store)
    reads.clear()
    view = await scene.store.view("acme", key("notes"))
    assert view.snapshot is first
    assert reads == []
    assert view == await scene.store.view("acme", key("notes"), view.snapshot.head.version)


async def test_what_this_process_wrote_is_seen(scene):
    await scene.put("notes", {"n": 1})
    await snapshot(scene.store)
    await scene.put("notes", {"n": 2})
    assert (await snapshot(scene.store)).state == b'{"n":2}'


async def test_what_another_process_wrote_is_seen(scene, tmp_path):
    await scene.put("notes", {"n": 1})
    await snapshot(scene.store)
    other = await open_store(tmp_path / "s.db", clock=FakeClock())
    await Scene(other, FakeClock()).put("notes", {"n": 2})
    await other.aclose()
    assert (await snapshot(scene.store)).state == b'{"n":2}'


async def test_a_write_elsewhere_leaves_what_was_made_of_it(scene):
    await scene.put("notes", {"n": 1})
    first = await snapshot(scene.store)
    first.encoded["form"] = b"made once"
    await scene.put("others", {"n": 2})
    assert (await snapshot(scene.store)).encoded == {"form": b"made once"}


async def test_what_is_purged_is_gone(scene):
    await scene.put("notes", {"n": 1})
    await snapshot(scene.store)
    await scene.purge("notes")
    assert await snapshot(scene.store) is None


async def test_what_another_process_erased_leaves_the_memory_without_a_read(
    scene, tmp_path, monkeypatch
):
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.001)
    await scene.put("notes", {"n": 1})
    await snapshot(scene.store)
    other = await open_store(tmp_path / "s.db", clock=FakeClock())
    await Scene(other, FakeClock()).purge("notes")
    await other.aclose()
    async with asyncio.timeout(20):
        while scene.store._nearby._kept:  # noqa: ASYNC110 - memory has no event
            await asyncio.sleep(0)


NEWEST = EntryQuery(after=1)


async def newest(scene):
    view = await scene.view("notes")
    return await scene.store.page("acme", view.chain, NEWEST)


async def test_a_short_page_is_near_until_somebody_writes(scene):
    await scene.put("notes", kind="conversation")
    await scene.append("notes", entry("one"), entry("two"))
    first = await newest(scene)
    assert await newest(scene) is first
    await scene.append("notes", entry("three"))
    assert [each.content for each in (await newest(scene)).entries] == [b'"two"', b'"three"']


async def test_a_long_page_is_near_too_and_one_that_was_redacted_meanwhile_is_read_again(scene):
    await scene.put("notes", kind="conversation")
    await scene.append("notes", *(entry(f"number {n}") for n in range(100)))
    everything = EntryQuery(limit=1000)
    chain = (await scene.view("notes")).chain
    first = await scene.store.page("acme", chain, everything)
    assert await scene.store.page("acme", chain, everything) is first
    await scene.redact("notes", 7)
    again = await scene.store.page("acme", chain, everything)
    assert (first.entries[6].type, again.entries[6].type) == ("message", "redacted")


async def test_pages_share_a_bound_and_what_would_take_an_eighth_of_it_is_not_kept(scene):
    await scene.put("notes", kind="conversation")
    await scene.append("notes", *(entry("x" * 1000) for _ in range(40)))
    chain, small = (await scene.view("notes")).chain, Nearby(lambda: 1, most_bytes=64 * 1024)
    pages = {}
    for first in range(40):
        asked = ("acme", chain, EntryQuery(first, limit=1))
        pages[asked] = small.keep_page(asked, 1, await scene.store.page(*asked))
    kept = [asked for asked in pages if small.get_page(asked, 1) is pages[asked]]
    assert kept == list(pages)[-len(kept) :]
    assert 20 <= len(kept) < 40
    asked = ("acme", chain, EntryQuery())
    small.keep_page(asked, 1, await scene.store.page(*asked))
    assert small.get_page(asked, 1) is None
    small.clear()


async def test_what_is_redacted_is_out_of_its_page_at_once(scene, tmp_path):
    await scene.put("notes", kind="conversation")
    await scene.append("notes", entry("one"), entry("two"))
    await newest(scene)
    other = await open_store(tmp_path / "s.db", clock=FakeClock())
    await Scene(other, FakeClock()).redact("notes", 2)
    await other.aclose()
    assert [each.type for each in (await newest(scene)).entries] == ["redacted"]


async def test_pages_are_bounded_and_leave_the_memory_when_somebody_writes(scene, monkeypatch):
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(limits, "NEARBY_PAGES", 2)
    await scene.put("notes", kind="conversation")
    await scene.append("notes", *(entry(str(number)) for number in range(10)))
    view = await scene.view("notes")
    for after in (6, 7, 8, 9):
        await scene.store.page("acme", view.chain, EntryQuery(after=after, limit=1))
    assert [asked[2].after for asked in scene.store._nearby._pages] == [8, 9]
    await scene.put("others")
    async with asyncio.timeout(20):
        while scene.store._nearby._pages:  # noqa: ASYNC110 - memory has no event
            await asyncio.sleep(0)


async def test_it_is_bounded_in_bytes():
    near = Nearby(lambda: 1, most_bytes=100_000)
    one = Near(Snapshot(None, b"x" * 1000), None)
    for number in range(100):
        near.keep(("t", number), 1, one)
    assert near._size <= 100_000
    assert near.get(("t", 99), 1) is one
    assert near.get(("t", 0), 1) is None
    large = Near(Snapshot(None, b"x" * 50_000), None)
    assert near.keep(("t", "large"), 1, large) is large
    assert near.get(("t", "large"), 1) is None
    near.clear()
    assert near._size == 0
    assert nearby._weight(one) >= 4000
