"""The hooks: what is told reaches whoever hears it, does no harm, and costs nobody anything else."""

import asyncio
import random
import threading
from itertools import count
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased

from backstory import limits
from backstory.errors import BusyError, CacheUnavailableError, StoreUnavailableError
from backstory.observability import served as serving
from backstory.observability import telling
from backstory.observability.caches import told_cache
from backstory.observability.catalogue import (
    ANSWER_BYTES,
    LABELS,
    LOOKED_AT,
    METRICS,
    REQUEST_SECONDS,
    REQUESTS,
)
from backstory.observability.counting import Counting
from backstory.observability.prometheus import Metrics
from backstory.observability.requests import BUCKETS, SECONDS, UNTIMED, Requests
from backstory.observability.standing import Standing
from backstory.observability.stores import OPERATIONS, told_store
from backstory.observability.summarisers import ToldSummariser
from backstory.observability.tallying import Tally
from backstory.observability.telling import Told
from backstory.observability.traces import Traces
from backstory.ports import events
from backstory.ports.cache import Cached
from backstory.ports.hooks import SILENCE, part, served
from backstory.ports.summariser import Made
from backstory.resilience.stepping import WaitsError, at_once, waits


class Ear:
    """Keeps what it hears of some kinds."""

    def __init__(self, *kinds):
        self.kinds, self.heard = kinds, []

    def hearing(self):
        return dict.fromkeys(self.kinds, self.heard.append)


def test_each_event_reaches_those_who_hear_its_kind_and_nobody_else():
    stepped, ended = Ear(events.Stepped), Ear(events.Ended)
    told = Told([stepped, ended])
    event = events.Stepped("parse", "ok", 0.1)
    told.tell(event)
    assert (stepped.heard, ended.heard) == ([event], [])
    assert told.hears(events.Stepped)
    assert not told.hears(events.Rendered)


def test_events_are_frozen():
    with pytest.raises(AttributeError):
        events.Stepped("parse", "ok", 0.1).step = "x"


def test_a_listener_that_fails_does_no_harm_and_is_told_of(caplog):
    class Broken:
        def hearing(self):
            return {events.Stepped: lambda _event: 1 / 0}

    ear = Ear(events.Stepped)
    Told([Broken(), ear]).tell(events.Stepped("parse", "ok", 0.1))
    assert len(ear.heard) == 1
    assert "a listener failed at Stepped" in caplog.text


def test_who_can_wait_hears_all_in_order_once_it_is_time_or_too_many_wait(monkeypatch):
    from backstory import limits

    monkeypatch.setattr(limits, "EVENTS_WAITING", 3)
    ear, told = Ear(events.Stepped), Told()
    told.listen_later(ear)
    steps = [events.Stepped(str(number), "ok", 0.1) for number in range(5)]
    for step in steps[:2]:
        told.tell(step)
    assert ear.heard == []
    told.tell(steps[2])
    assert ear.heard == steps[:3]
    for step in steps[3:]:
        told.tell(step)
    told.drain()
    assert ear.heard == steps
    assert told.hears(events.Stepped)


def test_a_request_is_told_of_when_it_is_over():
    ear = Ear(events.Ended)
    told = Told([ear])
    counted = told.count()
    with told.request("GET", ()) as request:
        assert served() is request
        assert counted.in_flight == 1
        request.routed("/v1/whoami")
        request.answered(200)
        request.sent += 7
    (ended,) = ear.heard
    assert (ended.route, ended.status, ended.code) == ("/v1/whoami", 200, "ok")
    assert (ended.sent, ended.coding, ended.trace_id) == (7, "identity", request.trace_id)
    assert served() is None
    assert counted.in_flight == 0


def test_a_request_that_fails_unforeseen_says_so_and_a_strange_method_is_no_label():
    ear = Ear(events.Ended)
    with pytest.raises(ZeroDivisionError), Told([ear]).request("EVIL", ()):
        raise ZeroDivisionError
    assert (ear.heard[0].method, ear.heard[0].code) == ("other", "unexpected")


def test_of_requests_that_went_well_one_in_so_many_is_told_of_and_stands_for_them_all():
    ear = Ear(events.Ended)
    told = Told([ear])
    told.sample = 4
    for status, code in [(200, "ok"), (503, "busy"), (404, "not_found"), *[(200, "ok")] * 7]:
        with told.request("GET", ()) as request:
            request.failed(code)
            request.answered(status)
    assert [(event.status, event.weight) for event in ear.heard] == [
        (503, 1),
        (404, 1),
        (200, 4),
        (200, 4),
    ]


def many_at_once(told, times):
    for _ in range(times):
        with told.request("GET", (), dropped=True) as request:
            request.routed("/v1/whoami")
            request.whole(200, 7)


def test_of_very_many_answers_without_waiting_each_is_counted_and_one_in_sixteen_is_timed(
    monkeypatch,
):
    ticks, most, more = count(1), limits.TIMED_AT_ONCE, limits.TIMED_OF_MORE
    clock = SimpleNamespace(perf_counter=lambda: next(ticks) / 1000)
    for module in (telling, serving):  # and of no other thread
        monkeypatch.setattr(module, "time", clock)
    told = Told()
    counted = told.count()
    many_at_once(told, most)
    assert next(ticks) - 1 == 2 * most
    many_at_once(told, more * 100)
    assert next(ticks) - 2 == 2 * (most + 100)
    told.drain()
    many_at_once(told, more - 1 + most)
    assert next(ticks) - 3 == 2 * (most + 100 + most)
    counts, seen = counted.take()
    total = most + more * 100 + more - 1 + most
    assert counts[REQUESTS, "/v1/whoami", "GET", 200] == total
    assert counts[ANSWER_BYTES, "identity"] == 7 * total
    *buckets, seconds = seen[REQUEST_SECONDS, "/v1/whoami", "GET"]
    assert (sum(buckets), seconds) == (total, pytest.approx(total / 1000))


@given(timed=st.lists(st.integers(0, 1000), min_size=3, max_size=3), untimed=st.integers(0, 9999))
def test_what_nobody_timed_is_shown_as_long_as_what_was(timed, untimed):
    counted = Requests()
    seen = counted.first(("/v1/whoami", "GET", 200, "identity"))
    seen[SECONDS], seen[UNTIMED], seen[BUCKETS : BUCKETS + 3] = 8.0, untimed, timed
    counts, shown = counted.take()
    *buckets, seconds = shown[REQUEST_SECONDS, "/v1/whoami", "GET"]
    many = sum(timed)
    assert sum(buckets) == counts[REQUESTS, "/v1/whoami", "GET", 200] == many + untimed
    if many:
        assert seconds == pytest.approx(8.0 * (1 + untimed / many))
        for before, after in zip(timed, buckets, strict=False):
            assert after == pytest.approx(before * (1 + untimed / many), abs=1)
    seen[UNTIMED] += 10  # and nothing else came
    _, later = counted.take()
    assert sum(later[REQUEST_SECONDS, "/v1/whoami", "GET"][:-1]) == 10


def test_what_is_told_of_answers_without_waiting_stands_for_all_of_them():
    ear = Ear(events.Ended)
    told = Told([ear])
    told.count()
    told.sample = 10
    many_at_once(told, 2000)
    assert [event.weight for event in ear.heard] == [10] * 200
    assert all(event.seconds > 0 for event in ear.heard)


def test_where_each_request_is_told_of_each_is_timed():
    ear = Ear(events.Ended)
    told = Told([ear])
    many_at_once(told, 1000)
    assert [(event.weight, event.seconds > 0) for event in ear.heard] == [(1, True)] * 1000


def test_an_answer_without_waiting_that_failed_inside_mcp_is_told_of_though_nobody_timed_it():
    ear = Ear(events.Ended)
    told = Told([ear])
    told.sample = 1000
    many_at_once(told, limits.TIMED_AT_ONCE + 1)
    with told.request("POST", (), dropped=True) as request:
        request.called(events.Called("tools/call", "read_context", "not_found", 0.1))
        request.whole(200, 7)
    assert [(event.weight, event.seconds) for event in ear.heard] == [(1, 0.0)]


@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 1.0])
def test_as_many_traces_are_recorded_as_the_sampler_takes(share, dropped):
    random.seed(7)
    traces = Traces(Mock(), Resource.create(), ParentBased(TraceIdRatioBased(share)))
    told, recorded = Told(), 0
    told.trace(traces.starts, traces.bound)
    for _ in range(20_000):
        with told.request("GET", (), dropped=dropped) as request:
            recorded += request.recorded
            request.whole(200, 7)
    assert recorded == pytest.approx(20_000 * share, rel=0.2)


def test_a_sampler_that_takes_none_is_not_asked():
    traces, asked = Traces(Mock(), Resource.create(), ParentBased(ALWAYS_OFF)), []
    told = Told()
    told.trace(lambda *of: asked.append(of) or traces.starts(*of), traces.bound)
    for dropped in (False, True) * 1000:
        with told.request("GET", (), dropped=dropped) as request:
            assert not request.recorded
    assert asked == []


def test_a_caller_whose_trace_context_is_none_is_not_recorded_more_often_for_it():
    random.seed(7)
    traces = Traces(Mock(), Resource.create(), ParentBased(TraceIdRatioBased(0.01)))
    told = Told()
    told.trace(traces.starts, traces.bound)
    recorded = 0
    for _ in range(5000):
        with told.request("GET", [(b"traceparent", b"00-evil")]) as request:
            recorded += request.recorded
    assert recorded < 150


def test_what_took_long_or_failed_inside_mcp_is_told_of_each_time(monkeypatch):
    ear = Ear(events.Ended)
    told = Told([ear])
    told.sample = 1000
    with told.request("POST", ()) as request:
        request.answered(200)
        request.called(events.Called("tools/call", "read_context", "not_found", 0.1))
    monkeypatch.setattr(limits, "ACCESS_SLOW_SECONDS", 0.0)
    with told.request("GET", ()) as request:
        request.answered(200)
    assert [event.weight for event in ear.heard] == [1, 1]


def recording(parts, **origin):
    def starts(_parent, _state, _trace):
        return events.Origin(7, recorded=True, **origin)

    return Told([parts], starts)


async def test_parts_hang_on_the_part_they_lie_in_also_in_threads():
    ear = Ear(events.Traced)
    with recording(ear).request("GET", ()):
        with part("render", "text"):
            await asyncio.to_thread(_store)
        with part("policy"):
            pass
    (traced,) = ear.heard
    by_name = {each.name: each for each in traced.parts}
    assert by_name["store"].parent == by_name["render"].id
    assert by_name["render"].parent == by_name["policy"].parent == traced.id
    assert by_name["store"].code == "busy"


def _store():
    with pytest.raises(BusyError), part("store", "view"):
        raise BusyError("later")


def test_parts_of_one_request_are_bounded(monkeypatch):
    from backstory import limits

    monkeypatch.setattr(limits, "TRACE_PARTS", 3)
    ear = Ear(events.Traced)
    with recording(ear).request("GET", ()):
        for _ in range(10):
            with part("policy"):
                pass
    assert len(ear.heard[0].parts) == 3


def test_nobody_pays_for_parts_of_what_is_not_recorded():
    first = part("policy")
    with Told().request("GET", ()):
        assert part("policy") is first


def test_where_nobody_listens_stores_and_caches_are_as_they_were():
    for hooks in (SILENCE, Told()):
        store, cache = object(), object()
        assert told_store(store, hooks) is store
        assert told_cache(cache, hooks) is cache


class FakeStore:
    epoch, first_epoch, secret = "e", True, b"s"

    def __init__(self):
        for name in (*OPERATIONS, "check", "aclose"):
            setattr(self, name, self.answer)

    def near(self, *args):
        return args

    async def answer(self, *args, **kwargs):
        if args == ("away",):
            raise StoreUnavailableError("away")
        if args == ("wait",):
            await asyncio.Event().wait()
        if args == ("thread",):
            waits()
        return args, kwargs


async def test_a_store_answers_as_before_and_tells_of_each_question():
    ear = Ear(events.StoreAsked)
    store = told_store(FakeStore(), Told([ear]))
    assert store.epoch == "e"
    assert await store.view("t", "k", at=1) == (("t", "k"), {"at": 1})
    with pytest.raises(StoreUnavailableError):
        await store.commit("away")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(store.changes("wait"), 0.01)
    told = [(event.operation, event.code) for event in ear.heard]
    assert told == [("view", "ok"), ("commit", "store_unavailable"), ("changes", "cancelled")]


async def test_nobody_is_told_of_what_was_asked_by_who_does_not_wait():
    ear = Ear(events.StoreAsked)
    store = told_store(FakeStore(), Told([ear]))
    assert at_once(store.changes("wait")) is None
    with pytest.raises(WaitsError):
        at_once(store.changes("thread"))
    assert at_once(store.changes("t")) == (("t",), {})
    assert [event.code for event in ear.heard] == ["ok"]


async def test_nobody_is_told_of_what_is_known_without_asking_the_store():
    ear = Ear(events.StoreAsked)
    store = told_store(FakeStore(), Told([ear]))
    assert store.near("t", "k") == ("t", "k")
    assert await store.snapshot("t", "k") == (("t", "k"), {})
    assert [event.operation for event in ear.heard] == ["snapshot"]


async def test_what_is_recorded_has_its_part():
    ear = Ear(events.Traced)
    told = recording(ear)
    store = told_store(FakeStore(), told)
    with told.request("GET", ()):
        await store.snapshot("t", "k")
    assert [len(traced.parts) for traced in ear.heard] == [1]


async def test_a_cache_tells_what_came_of_asking_it():
    class FakeCache:
        async def get(self, key, tag):
            if key == "away":
                raise CacheUnavailableError("away")
            return Cached(None, None, b"" if key == "there" else None)

        async def fill(self, key, found, tag, body):
            return body == b"new"

        async def drop(self, keys):
            pass

    ear = Ear(events.CacheAsked)
    cache = told_cache(FakeCache(), Told([ear]))
    await cache.get("there", None)
    await cache.get("not", None)
    with pytest.raises(CacheUnavailableError):
        await cache.get("away", None)
    await cache.fill("k", None, None, b"new")
    await cache.fill("k", None, None, b"old")
    await cache.drop(["k"])
    told = [(event.operation, event.outcome) for event in ear.heard]
    assert told == [
        ("get", "hit"),
        ("get", "miss"),
        ("get", "away"),
        ("fill", "kept"),
        ("fill", "refused"),
        ("drop", "done"),
    ]


async def test_a_summary_names_its_provider_and_never_a_model_or_what_an_extension_says():
    class Fake:
        by = "openai:secret-model"

        async def summarise(self, turns, tokens):
            return Made("text", self.by, "timeout")

    ear, fake = Ear(events.Summarised), Fake()
    told = ToldSummariser(fake, Told([ear]), {"openai"})
    await told.summarise((), 10)
    fake.by = "whatever"
    await told.summarise((), 10)
    assert [(event.by, event.fallback) for event in ear.heard] == [
        ("openai", "timeout"),
        ("extension", "timeout"),
    ]


def test_a_tally_loses_nothing_though_many_threads_count_at_once():
    tally, key = Tally(), (METRICS[0], "a")
    histogram = next(metric for metric in METRICS if metric.kind == "histogram")

    def work():
        for _ in range(2000):
            tally.count(key)
            tally.observe((histogram,), histogram.buckets[0])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts, seen = tally.take()
    assert counts == {key: 8000}
    assert seen[histogram,][0] == 8000, "a bound belongs to its bucket"
    assert tally.take() == ({}, {})


def test_requests_are_counted_once_however_often_the_counts_are_taken():
    told = Told()
    counted = told.count()
    taken = []
    for _ in range(3):
        for status in (200, 200, 404):
            with told.request("GET", ()) as request:
                request.routed("/r")
                request.answered(status)
        taken.append(counted.take())
    counts, seen = counted.take()
    assert not any(counts.values())
    assert not any(map(any, seen.values()))
    for counts, seen in taken:
        assert counts[REQUESTS, "/r", "GET", 200] == 2
        assert counts[REQUESTS, "/r", "GET", 404] == 1
        assert sum(seen[REQUEST_SECONDS, "/r", "GET"][:-1]) == 3


def test_every_event_that_can_be_counted_has_its_number_on_the_page():
    metrics = Metrics()
    told = Told()
    told.listen_later(Counting(metrics))
    metrics.gather = told.drain
    metrics.takes.append(told.count().take)
    with told.request("GET", ()) as request:
        request.route, request.coding, request.sent, request.stale = "/r", "br", 5, True
        request.failed("busy")
        request.answered(503)
        request.called(events.Called("tools/call", "x", "ok", 0.1))
    Standing(metrics, told).look()
    for event in (
        events.Stepped("parse", "malformed", 0.1),
        events.StoreAsked("view", "busy", 0.1),
        events.CacheAsked("get", "hit", 0.1),
        events.Committed(7, 0.1),
        events.BusSpoke("sent", 0.1),
        events.Rendered("text", 100, 0.1),
        events.Summarised("openai", "ok", "", 0.1),
        events.ChunksKept(2, 100),
        events.DependencyChanged("cache", False),
        events.DeprecatedUsed("GET", "/old"),
    ):
        assert told.hears(type(event))
        told.tell(event)
    text = metrics.page()[1].decode()
    for line in (
        'backstory_requests_total{method="GET",route="/r",status="503"} 1.0',
        'backstory_errors_total{code="busy",route="/r"} 1.0',
        'backstory_deprecated_calls_total{method="GET",route="/old"} 1.0',
        'backstory_answer_bytes_total{coding="br"} 5.0',
        'backstory_stale_answers_total{route="/r"} 1.0',
        'backstory_mcp_seconds_count{method="tools/call",tool="x"} 1.0',
        'backstory_step_failures_total{code="malformed",step="parse"} 1.0',
        'backstory_store_failures_total{code="busy",operation="view"} 1.0',
        'backstory_cache_answers_total{operation="get",outcome="hit"} 1.0',
        'backstory_commit_jobs_bucket{le="8.0"} 1.0',
        'backstory_commit_jobs_bucket{le="4.0"} 0.0',
        'backstory_bus_messages_total{way="sent"} 1.0',
        'backstory_rendered_tokens_total{format="text"} 100.0',
        'backstory_summaries_total{by="openai",code="ok",fallback=""} 1.0',
        "backstory_chunk_bytes_total 100.0",
        'backstory_dependency_down{dependency="cache"} 1.0',
    ):
        assert line in text, line


def test_numbers_that_stand_are_shown_as_they_are_and_counters_by_what_was_added(caplog):
    metrics, told = Metrics(), Told()
    depth = [3]
    told.stands(lambda: (("queue_depth", ("writes",), depth[0]), ("sweeps", ("ok",), depth[0])))
    told.stands(lambda: (1 / 0,))
    standing = Standing(metrics, told)
    standing.look()
    depth[0] = 5
    standing.look()
    text = metrics.page()[1].decode()
    assert 'backstory_queue_depth{queue="writes"} 5.0' in text
    assert 'backstory_sweeps_total{code="ok"} 5.0' in text
    assert "numbers could not be looked at" in caplog.text


def test_no_label_is_a_name_that_a_caller_chooses():
    used = {label for metric in (*METRICS, *LOOKED_AT) for label in metric.labels}
    assert used == set(LABELS), "each label says where its values come from"
