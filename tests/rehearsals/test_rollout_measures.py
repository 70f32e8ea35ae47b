"""What is counted of a colour, by a real Prometheus that was given a past."""

import subprocess
import time

import pytest

import server_process
from backstory.cli.rollout.measuring import Span, check_apart, measured
from backstory.cli.rollout.prometheus import asking
from backstory.errors import ConfigError

STEP = 15  # seconds between two scrapes
NOW = 120  # that are in the past: half an hour
STEPS = NOW + 40  # with some of what is to come, so that it is no matter how long the start takes
WINDOW = Span(600)  # 40 of them


def steady(first, each, count=STEPS):
    return [first + each * number for number in range(count)]


def series(name, values, **labels):
    """Lines of OpenMetrics; None is no sample."""
    now = int(time.time())
    text = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return [
        f"{name}{{{text}}} {value} {now + STEP * (number - NOW)}"
        for number, value in enumerate(values)
        if value is not None
    ]


def node(colour, **more):
    return {"job": "backstory", "instance": f"{colour}:1", "color": colour} | more


def requests(colour, values, status="200", route="/v1/contexts"):
    labels = node(colour, route=route, method="GET", status=status)
    return series("backstory_requests_total", values, **labels)


def calls(colour, values, code):
    labels = node(colour, method="tools/call", tool="search", code=code)
    return series("backstory_mcp_calls_total", values, **labels)


def standing(colour, *, up=1, began=None):
    """What each scrape of a node shows."""
    return [
        *series("up", [up] * STEPS, **node(colour)),
        *series("backstory_workers_wanted", [1] * STEPS, **node(colour)),
        *series("process_start_time_seconds", began or [1e9] * STEPS, **node(colour)),
        *series("backstory_info", [1] * STEPS, **node(colour, version=f"1.0-{colour}")),
    ]


def past():
    """Families one after the other, as the format wants it."""
    none, half = [None], NOW // 2
    bounds = (("0.005", 8), ("0.05", 9), ("+Inf", 10))
    lines = [
        *(line for colour in ("blue", "red") for line in standing(colour)),
        *standing("green", up=0, began=[1e9] * 100 + [2e9] * 10 + [3e9] * 50),
        *requests("blue", steady(1000, 10)),
        # It came to be within the window, with more than nothing, as a first failure does.
        *requests("blue", none * (NOW - 10) + steady(5, 0, 50), "503"),
        # It began anew within the window.
        *requests("green", steady(0, 10, NOW - 10) + steady(7, 1, 50)),
        # It ended within the window.
        *requests("green", steady(0, 2, NOW - 10), "404"),
        *requests("red", steady(0, 1, half) + steady(half, 3, STEPS - half)),
        *requests("red", steady(0, 9), route="/mcp"),
        *calls("red", steady(0, 7), "ok"),
        *calls("red", steady(0, 1), "store_unavailable"),
        *calls("red", steady(0, 1), "version_conflict"),
        *series("backstory_workers_replaced_total", steady(0, 0, 100) + steady(1, 0, 60),
                **node("green", reason="died")),
        *series("backstory_dependency_down", [1] * STEPS, **node("green", dependency="cache")),
        *(
            line
            for bound, each in bounds
            for line in series("backstory_request_seconds_bucket", steady(0, each),
                               **node("blue", route="/v1/contexts", method="GET", le=bound))
        ),
        *series("backstory_request_seconds_bucket", steady(0, 100),
                **node("blue", route="/v1/changes", method="GET", le="+Inf")),
    ]  # fmt: skip
    families = {}
    for line in lines:
        families.setdefault(line.partition("{")[0], []).append(line)
    return "\n".join(line for family in families.values() for line in family) + "\n# EOF\n"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    if server_process.program("promtool") is None:
        pytest.skip(server_process.MISSING["prometheus"])

    def found(server):
        (server.folder / "past").write_text(past())
        blocks = ["tsdb", "create-blocks-from", "openmetrics", "past", "data"]
        subprocess.run(
            [server_process.program("promtool"), *blocks],
            cwd=server.folder, check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        (server.folder / "empty.yml").write_text("{}")
        return ["--config.file=empty.yml", "--storage.tsdb.path=data", "--log.level=warn",
                f"--web.listen-address=127.0.0.1:{server.port}"]  # fmt: skip

    with (
        server_process.running("prometheus", found) as server,
        asking(f"http://127.0.0.1:{server.port}", None) as answering,
    ):
        yield answering


def of(prometheus, colour, span=WINDOW):
    return measured(prometheus, f'color="{colour}"', span)


def test_what_a_counter_has_grown_by_is_counted_and_what_is_new_counts_whole(prometheus):
    blue = of(prometheus, "blue").all
    assert (blue.failed.part, blue.failed.whole) == (5, pytest.approx(405, abs=10))


def test_what_began_anew_counts_from_there_and_what_has_ended_counts_too(prometheus):
    green = of(prometheus, "green").answers["GET /v1/contexts"]
    assert 2 <= green.refused.part <= 60
    assert 16 <= green.refused.whole - green.refused.part <= 56


def test_failures_over_mcp_are_found_by_their_code(prometheus):
    tool = of(prometheus, "red").answers["/mcp search"]
    assert tool.failed.part == tool.refused.part == pytest.approx(40, abs=1)
    assert tool.failed.whole == 9 * tool.failed.part
    assert "GET /mcp" not in of(prometheus, "red").answers


def test_an_earlier_time_can_be_looked_at(prometheus):
    now, then = (
        of(prometheus, "red", span).answers["GET /v1/contexts"].failed.whole
        for span in (Span(300), Span(300, 1200))
    )
    assert (now, then) == (pytest.approx(60, abs=3), pytest.approx(20, abs=1))


def test_times_are_counted_by_bounds_without_those_that_wait_on_purpose(prometheus):
    blue = of(prometheus, "blue")
    whole = blue.slower[float("inf")]
    assert whole == pytest.approx(400, abs=10)
    assert blue.slower_than(0.005).part * 5 == whole
    assert blue.quantile(0.95) is None
    assert 0 < blue.quantile(0.5) < 0.005


def test_nodes_are_told_of(prometheus):
    blue, green = of(prometheus, "blue"), of(prometheus, "green")
    assert (blue.nodes, blue.up, blue.restarts, blue.away) == (1, 1, 0, ())
    assert blue.versions == ("1.0-blue",)
    assert (green.nodes, green.up, green.restarts, green.away) == (1, 0, 3, ("cache",))


def test_a_node_of_both_colours_is_an_error(prometheus):
    check_apart(prometheus, 'color="blue"', 'color="green"')
    with pytest.raises(ConfigError, match="blue:1 is selected by both"):
        check_apart(prometheus, 'color="blue"', 'job="backstory"')


@pytest.mark.parametrize("selector", ["color=blue", 'color="blue', 'color="blue"} or vector(1) #{'])
def test_a_selector_that_is_none_is_an_error(prometheus, selector):
    with pytest.raises(ConfigError, match="Prometheus does not take the query"):
        measured(prometheus, selector, WINDOW)


def test_a_selector_that_matches_nothing_finds_no_nodes(prometheus):
    assert of(prometheus, "yellow").nodes == 0
