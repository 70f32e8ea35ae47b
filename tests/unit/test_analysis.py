"""What logs tell is counted in bounded memory, whatever stands in them."""

import gzip
import io

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory import limits
from backstory.observability.analysis import findings
from backstory.observability.analysis.counting import Counts
from backstory.observability.analysis.page import html
from backstory.observability.analysis.reading import Lines
from backstory.observability.analysis.sketches import Lasting, Most, Spans

ACCESS = {
    "at": "2026-11-29T18:45:36.123456Z",
    "level": "info",
    "logger": "backstory.access",
    "message": "request",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "tenant": "acme",
    "principal": "5a1e60f3b1c2d4e8",
    "method": "GET",
    "route": "/v1/contexts/{namespace}/{name}",
    "status": 200,
    "code": "ok",
    "milliseconds": 1.5,
    "bytes": 412,
    "coding": "identity",
}


def counted(*lines):
    counts = Counts()
    for line in lines:
        counts.line(line)
    return findings.of(counts)


def at(second, **more):
    return ACCESS | {"at": f"2026-11-29T18:{second // 60:02}:{second % 60:02}.000000Z"} | more


def test_requests_errors_and_conflicts_are_told_apart():
    found = counted(
        ACCESS,
        ACCESS | {"status": 503, "code": "store_unavailable"},
        ACCESS | {"status": 409, "code": "version_conflict", "tenant": "globex"},
        ACCESS | {"route": "/mcp", "mcp_code": "not_found"},
    )
    total = found.total
    assert (total["requests"], total["failed"], total["refused"]) == (4, 1, 1)
    assert {(row["route"], row["code"]) for row in found.errors} == {
        (ACCESS["route"], "store_unavailable"),
        (ACCESS["route"], "version_conflict"),
        ("/mcp", "not_found"),
    }
    assert [(row["code"], row["tenant"], row["count"]) for row in found.conflicts] == [
        ("version_conflict", "globex", 1)
    ]
    assert [(row["tenant"], row["requests"], row["errors"]) for row in found.tenants] == [
        ("acme", 3, 1),
        ("globex", 1, 1),
    ]


def test_a_line_counts_for_as_many_requests_as_it_stands_for():
    found = counted(ACCESS | {"weight": 10}, ACCESS | {"status": 503, "code": "busy"})
    assert (found.total["requests"], found.total["failed"]) == (11, 1)
    assert found.total["bytes"] == 11 * ACCESS["bytes"]
    assert [(row["tenant"], row["requests"]) for row in found.tenants] == [("acme", 11)]


def test_the_slowest_calls_come_first_and_are_bounded():
    found = counted(*(ACCESS | {"milliseconds": n} for n in range(limits.ANALYSED_SLOWEST * 3)))
    slowest = [row["milliseconds"] for row in found.slowest]
    most = limits.ANALYSED_SLOWEST * 3 - 1
    assert slowest == list(range(most, most - limits.ANALYSED_SLOWEST, -1))


def test_what_changed_with_a_release_is_told_and_what_stayed_is_not():
    def release(version, second, **more):
        mark = at(second, message="requests are taken", version=version)
        del mark["milliseconds"]
        requests = [at(second + n, **more) for n in range(1, 40)]
        same = [at(second + n, route="/mcp") for n in range(1, 40)]
        return [mark, *requests, *same]

    found = counted(*release("1.0", 0, milliseconds=1), *release("1.1", 60, milliseconds=9))
    assert [row["version"] for row in found.releases] == ["1.0", "1.1"]
    (change,) = found.changes
    assert (change["from"], change["to"], change["route"]) == ("1.0", "1.1", ACCESS["route"])
    assert (change["p95_before"], change["p95_after"]) == (1, pytest.approx(9, rel=0.05))


def test_growth_compares_the_end_with_the_beginning():
    found = counted(*(at(second) for second in (0, 1, 2, 6, 6, 7, 7, 8, 8)))
    assert found.over_time["growth"] == 2.0
    assert sum(found.over_time["requests"]) == 9


def test_repeated_warnings_count_as_often_as_they_were_left_out():
    warning = {"at": ACCESS["at"], "level": "error", "logger": "backstory.x", "message": "away"}
    found = counted(warning, warning | {"repeated": 30})
    assert [(row["message"], row["count"]) for row in found.messages] == [("away", 32)]


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text("aé\x1b\n<>\u202e\0 ", max_size=30),
    st.just([{"a": []}]),
    st.sampled_from(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-29", "now"]),
)
odd = st.dictionaries(st.sampled_from([*ACCESS, "version", "repeated"]), junk, max_size=4)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(odd, max_size=5))
def test_no_line_however_odd_ends_an_analysis(lines):
    found = counted(ACCESS, *(ACCESS | line for line in lines))
    assert found.total["requests"] >= 1
    assert html(found, ["a"]).endswith("</html>\n")
    orjson.dumps(found)


def read(folder, *raw, name="a.log"):
    path = folder / name
    path.write_bytes(b"".join(raw))
    lines = Lines()
    return list(lines.of(str(path))), lines


def test_whatever_is_no_line_is_counted_and_passed_over(tmp_path):
    good = orjson.dumps(ACCESS)
    found, lines = read(
        tmp_path,
        good + b"\n",
        b"garbage\n",
        b"\xff\xfe\x00\n",
        b"[1, 2]\n",
        b"\n",
        b'{"at": \n',
        b"x" * (2 * limits.LOG_LINE_BYTES) + b"\n",
        b"2026-11-29T18:45:36.1Z stderr F " + good + b"\n",
        good,
    )
    assert found == [ACCESS, ACCESS, ACCESS]
    assert (lines.read, lines.unreadable) == (8, 5)


def test_compressed_logs_are_read_and_one_that_was_cut_off_is_told(tmp_path):
    raw = gzip.compress((orjson.dumps(ACCESS) + b"\n") * 100)
    found, lines = read(tmp_path, raw, name="a.log.gz")
    assert (len(found), lines.broken) == (100, [])
    found, lines = read(tmp_path, raw[: len(raw) // 2], name="b.log.gz")
    assert len(found) < 100
    assert lines.broken == [str(tmp_path / "b.log.gz")]


def test_standard_input_is_read(monkeypatch):
    raw = io.BufferedReader(io.BytesIO(orjson.dumps(ACCESS) + b"\n"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(raw))
    assert list(Lines().of("-")) == [ACCESS]


@given(st.lists(st.floats(0.001, 1e6), min_size=1))
def test_quantiles_are_right_to_five_percent(values):
    lasting = Lasting()
    for value in values:
        lasting.add(value)
    values.sort()
    for share in (0.5, 0.95, 0.99, 1.0):
        exact = values[max(int(-(-share * len(values) // 1)) - 1, 0)]
        assert lasting.quantile(share) == pytest.approx(exact, rel=0.05)


@given(st.lists(st.integers(0, 40), max_size=300), st.integers(1, 30))
def test_the_most_frequent_are_known_and_no_count_is_too_low(keys, room):
    most = Most(room)
    for key in keys:
        most.add(key)
    counts = dict(most.top(1000))
    assert len(counts) <= room
    for key in set(keys):
        if keys.count(key) > most.over:
            assert keys.count(key) <= counts[key] <= keys.count(key) + most.over


@given(st.lists(st.floats(0, 1e10)))
def test_spans_are_few_and_lose_nothing_whatever_the_times(times):
    spans = Spans()
    for time in times:
        spans.add(time, "x")
    listed = list(spans)
    assert len(listed) <= 120
    assert sum(span.get("x", 0) for _, span in listed) == len(times)


def test_a_page_needs_nothing_else_and_shows_no_markup_of_a_log():
    page = html(counted(ACCESS | {"tenant": "<script>alert(1)</script>"}), ["<b>.log"])
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("/v1/", "").replace("http-equiv", "")
    assert page.count("<svg") == 3
