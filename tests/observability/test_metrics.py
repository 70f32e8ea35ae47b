"""What `/metrics` tells, with one worker and with two."""

import contextlib
import os
import signal

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from backstory.observability.catalogue import LOOKED_AT, METRICS
from mcp_serving import JSON_AND_EVENTS, MODERN
from scraping import scraped, value
from serving import serving, until, workers_of

PUT = {"kind": "preferences", "state": {"n": 1}}
PATH = "/v1/contexts/private-space/private-name"
ROUTE = "/v1/contexts/{namespace}/{name}"
TLS_ONLY = {"backstory_certificate_seconds"}
CALLS = "backstory_mcp_calls_total"
UNKNOWN_TOOL = {"method": "tools/call", "tool": "", "code": "invalid_params"}
SERVERS_ONLY = {"backstory_dependency_changes_total"}


def call(http, tool, arguments):
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    named = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": tool}
    return http.post("/mcp", json=message, headers={"accept": JSON_AND_EVENTS} | named)


def work(http):
    """One of each, so that whatever is counted has something to count."""
    assert http.put(PATH, json=PUT).status_code == 201
    assert http.get(PATH).status_code == 200
    assert http.get(f"{PATH}-2").status_code == 404
    assert http.put(PATH, content=b"{", headers={"content-type": "application/json"}).is_error
    http.request("LOCK", "/private-path")
    read = {"context": "private-space/private-name", "part": "state"}
    assert call(http, "read_context", read).is_success
    read["context"] += "-2"
    call(http, "read_context", read)
    call(http, "private-tool", {})


@pytest.mark.parametrize("workers", ["1", "2"])
def test_requests_errors_and_calls_are_counted_whichever_worker_is_asked(tmp_path, workers):
    with serving(tmp_path, "--workers", workers) as server:
        for _ in range(6):
            with server.client() as http:  # a connection of its own, to whoever takes it
                http.delete(PATH, params={"purge": "true"})
                work(http)
        with server.client() as http:
            # What the others counted is shown a moment later.
            until(lambda: value(scraped(http), CALLS, **UNKNOWN_TOOL) == 6, "the last call")
            until(lambda: value(scraped(http), "backstory_requests_in_flight") == 0, "the end")
            found = scraped(http)
    count = "backstory_requests_total"
    assert value(found, count, route=ROUTE, method="PUT", status="201") == 6
    assert value(found, count, route=ROUTE, method="GET", status="404") == 6
    assert value(found, count, route="none", method="other", status="404") == 6
    seconds = "backstory_request_seconds_count"
    assert value(found, seconds, route=ROUTE, method="GET") == 12
    assert value(found, "backstory_errors_total", route=ROUTE, code="malformed") == 6
    assert value(found, CALLS, method="tools/call", tool="read_context", code="ok") == 6
    assert value(found, CALLS, method="tools/call", tool="read_context", code="not_found") == 6
    assert value(found, "backstory_step_failures_total", step="parse", code="malformed") == 6
    assert value(found, "backstory_workers") == int(workers)
    assert value(found, "process_cpu_seconds_total") > 0
    assert value(found, "backstory_store_bytes", file="database") > 0
    assert value(found, "backstory_store_free_bytes") > 0


def test_the_page_tells_all_of_the_catalogue_and_nothing_of_callers(tmp_path):
    with serving(tmp_path) as server, server.client() as http:
        work(http)
        until(lambda: "backstory_event_loop_lag_seconds_count 1" in http.get("/metrics").text)
        page = http.get("/metrics").text
    told = {family.name for family in text_string_to_metric_families(page)}
    wanted = {metric.name for metric in (*METRICS, *LOOKED_AT)} - TLS_ONLY - SERVERS_ONLY
    assert {name.removesuffix("_total") for name in wanted} <= {
        name.removesuffix("_total") for name in told
    }
    assert "private" not in page


def test_bytes_are_counted_by_the_coding_that_they_went_out_in(tmp_path):
    sent = "backstory_answer_bytes_total"
    with serving(tmp_path) as server, server.client() as http:
        http.put(PATH, json=PUT | {"state": {"text": "again " * 1000}})
        before = value(scraped(http), sent, coding="identity")
        for accepted in ("identity", "gzip", "br", "zstd"):
            answer = http.get(PATH, headers={"accept-encoding": accepted})
            length = int(answer.headers["content-length"])
            counted = value(scraped(http), sent, coding=accepted)
            assert counted - (before if accepted == "identity" else 0) == length, accepted


def test_what_a_single_worker_tells_is_what_several_tell(tmp_path):
    with serving(tmp_path) as server, server.client() as http:
        work(http)
        assert [name for name, *_ in scraped(http) if name.endswith("_created")] == []


def test_the_catalogue_has_each_name_once_and_counters_end_in_total():
    metrics = (*METRICS, *LOOKED_AT)
    assert len({metric.name for metric in metrics}) == len(metrics)
    for metric in metrics:
        assert metric.name.endswith("_total") == (metric.kind == "counter")


def test_counts_of_a_worker_that_was_killed_are_kept_and_its_present_is_forgotten(tmp_path):
    with serving(tmp_path, "--workers", "2") as server:
        with server.client() as http:
            http.put(PATH, json=PUT)
            created = {"route": ROUTE, "method": "PUT", "status": "201"}
            until(lambda: value(scraped(http), "backstory_requests_total", **created) == 1)
        for worker in workers_of(server):
            os.kill(worker, signal.SIGKILL)

        def back():
            try:
                with server.client() as http:
                    found = scraped(http)
            except Exception:  # noqa: BLE001 - nobody is there to answer yet
                return False
            assert (
                value(
                    found,
                    "backstory_requests_total",
                    route=ROUTE,
                    method="PUT",
                    status="201",
                )
                == 1
            )
            return value(found, "backstory_workers") == 2

        until(back, "two new workers")


def test_nothing_is_counted_where_it_is_switched_off(tmp_path):
    with serving(tmp_path, "--no-metrics") as server, server.client() as http:
        answer = http.get("/metrics")
        assert answer.status_code == 404
        assert "set --metrics" in answer.json()["detail"]


def test_a_scrape_while_the_server_stops_is_answered_or_refused_and_stops_nothing(tmp_path):
    with serving(tmp_path, "--drain-seconds", "1") as server:
        with server.client() as http:
            http.put(PATH, json=PUT)
            server.signal(signal.SIGTERM)
            answers = []
            with contextlib.suppress(httpx.TransportError):  # it is gone
                while True:
                    answers.append(http.get("/metrics").status_code)
        assert server.wait() == 0
        assert set(answers) == {200}
        assert "Traceback" not in server.errors()


def test_callers_who_choose_strange_words_make_no_labels(tmp_path):
    with serving(tmp_path) as server, server.client() as http:
        before = len(scraped(http))
        for number in range(50):
            strange = f"private{number}"
            http.request(strange.upper(), f"/{strange}")
            http.get(f"/v1/contexts/{strange}/{strange}")
            http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": strange})
            call(http, strange, {})
        after = scraped(http)
    assert not [key for key in after if "private" in str(key)]
    assert len(after) < before + 150, "series for some routes, methods and codes, however many ask"
