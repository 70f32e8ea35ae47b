"""Whatever is written to which of several stores: each change is told once, in its order."""

import asyncio
from collections import defaultdict
from itertools import groupby

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.domain.commits import Commit, Put
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.positions import UNKNOWN, pack, unpack
from backstory.domain.principals import SYSTEM
from backstory.domain.visibility import Visibility
from backstory.errors import StoreUnavailableError
from backstory.ports.store import ChangeQuery, HeadQuery
from backstory.storage.routed import RoutedStore, Routing
from backstory.testing import FakeClock, ModelStore
from backstory.testing.scene import ALL

SPACES = ["a", "a.b", "a.b.c", "a-b", "b", "b.c", "c", "users.1", "users.2.x", "_system.kinds"]
patterns = st.sampled_from(["*", *SPACES, *(f"{each}.*" for each in SPACES)]).map(
    NamespacePattern.parse
)
sights = st.builds(
    Visibility,
    st.lists(patterns, max_size=4).map(tuple),
    st.booleans(),
    st.lists(patterns, max_size=2).map(tuple),
    st.lists(patterns, max_size=2).map(tuple),
)
ROUTING = Routing([[NamespacePattern.parse("a.*"), NamespacePattern.parse("users.2.*")],
                   [NamespacePattern.parse("b")]])  # fmt: skip
steady = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
OWNERS = {"a": 1, "a.b": 1, "a.b.c": 1, "users.2.x": 1, "b": 2}


@steady
@given(sights)
def test_what_is_visible_is_asked_of_the_store_that_keeps_it(visible):
    for space in SPACES:
        own = ROUTING.of(space)
        assert own == OWNERS.get(space, 0)
        narrow = ROUTING.narrowed(visible, own)
        assert (narrow is not None and narrow.shows(space)) == visible.shows(space)


@steady
@given(st.lists(st.integers(0, UNKNOWN), min_size=1, max_size=5))
def test_a_place_in_several_logs_is_one_number(places):
    assert unpack(pack(places), len(places)) == tuple(places)
    assert places[1:] or pack(places) == places[0]


class Away(ModelStore):
    """One that cannot be asked for its log for a while."""

    away = False

    async def mark(self, tenant):
        self._require()
        return await super().mark(tenant)

    async def changes(self, tenant, query):
        self._require()
        return await super().changes(tenant, query)

    def _require(self):
        if self.away:
            raise StoreUnavailableError("it is away")


steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.lists(st.sampled_from(SPACES[:8]), min_size=1, max_size=3)),
        st.tuples(st.just("read"), st.integers(1, 4)),
        st.tuples(st.just("away"), st.integers(0, 2)),
        st.tuples(st.just("back"), st.integers(0, 2)),
        st.tuples(st.just("late"), st.integers(0, 5)),
    ),
    max_size=40,
)


@steady
@given(steps)
def test_one_cursor_misses_nothing_and_tells_nothing_twice(done):
    asyncio.run(_read_along(done))


async def _read_along(done):
    clock = FakeClock()
    stores = [Away(clock), Away(clock), Away(clock)]
    routed = RoutedStore(stores, ROUTING)
    written, told, place = defaultdict(list), [], 0
    for number, (step, value) in enumerate(done):
        if step == "write":
            own = [space for space in value if ROUTING.of(space) == ROUTING.of(value[0])]
            puts = tuple(
                Put(ContextKey(space, "x"), "session", b'{"n":%d}' % number, (), None)
                for space in dict.fromkeys(own)
            )
            at = clock.advance(micros=1)
            commit = Commit("acme", number.to_bytes(10, "big"), SYSTEM, at, puts)
            assert (await routed.commit(commit)).id == commit.id
            written[ROUTING.of(value[0])] += [(commit.id, put.key) for put in puts]
        elif step == "read":
            place = await _read(routed, place, value, told)
        elif step == "late":
            clock.advance(micros=-value)
        else:
            stores[value].away = step == "away"
    for store in stores:
        store.away = False
    while (page := await routed.changes("acme", ChangeQuery(ALL, place, 3))).position != place:
        place = await _read(routed, place, 3, told)
        assert page.changes
    mark = await routed.mark("acme")
    assert (mark.newest, mark.keeps(place), mark.is_behind(place)) == (place, True, False)
    for store, expected in written.items():
        assert [one for one in told if ROUTING.of(one[1].namespace) == store] == expected
    assert len(told) == sum(map(len, written.values()))
    heads = await routed.heads("acme", HeadQuery(ALL, limit=1000))
    names = [(head.key.namespace, head.key.name) for head in heads]
    assert names == sorted({(key.namespace, key.name) for _, key in told})


async def _read(routed, place, limit, told):
    """One page; it may be resumed behind each of its commits."""
    try:
        page = await routed.changes("acme", ChangeQuery(ALL, place, limit))
    except StoreUnavailableError:
        return place
    told += [(change.commit, change.key) for change in page.changes]
    last = page.changes[-1].position if page.changes else page.position
    again = await routed.changes("acme", ChangeQuery(ALL, last, 1))
    ahead = await routed.changes("acme", ChangeQuery(ALL, page.position, 1))
    assert [one.commit for one in again.changes] == [one.commit for one in ahead.changes]
    runs = [commit for commit, _ in groupby(change.commit for change in page.changes)]
    assert len(runs) == len(set(runs))  # none of them is split by another
    return page.position
