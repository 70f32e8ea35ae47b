"""Who asks for it by `OTEL_*` is told of requests and of each step, and of nothing that is private."""

import json
import socket
import subprocess
import sys

import pytest

from backstory import limits
from backstory.errors import ConfigError
from backstory.observability import exporting
from backstory.observability.asking import Asked, asked
from backstory.observability.otlp_metrics import OtlpMetrics
from backstory.observability.telling import Told
from backstory.ports.events import DependencyChanged
from collecting import collecting
from serving import failing, serving

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACED = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
MESSAGE_TRACE, MESSAGE_CALLER = "1af7651916cd43dd8448eb211c80319d", "c7ad6b7169203332"
META = {"traceparent": f"00-{MESSAGE_TRACE}-{MESSAGE_CALLER}-01"}
EITHER = {"accept": "application/json, text/event-stream"}
RENDER = {"sources": [{"context": "private-space/private-name"}], "format": "text"}
RENDER |= {"model": "gpt-4o", "budget": 900}
SCHEMA = {"properties": {"n": {"type": "integer"}}}
DEAL = "/v1/contexts/private-space/private-name"
ROUTE = "/v1/contexts/{namespace}/{name}"


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The collector after a server did one of each, and what it answered; the server has ended."""
    rules = {"rules": [{"transforms": [{"redact": {}}]}]}
    with collecting() as (collector, variables):
        environment = variables | {"BACKSTORY_PROCESSING": json.dumps(rules)}
        with serving(tmp_path_factory.mktemp("told"), env=environment) as server:
            with server.client() as http:
                answers = _work(http)
            assert server.stop() == 0
    return collector, answers


def _work(http):
    put = {"kind": "deal", "state": {"n": 1, "mail": "private-text@b.co"}}
    wrong = {"kind": "deal", "state": {"n": "private-text"}}
    entry = {"entries": [{"role": "user", "content": "private-text " * 90}] * 3}
    merge = {"content-type": "application/merge-patch+json"}
    return {
        "kind": http.put("/v1/kinds/deal", json={"schema": SCHEMA, "entry_schema": SCHEMA}),
        "put": http.put(DEAL, json=put, headers=TRACED),
        "patch": http.patch(DEAL, json={"n": 2}, headers=merge),
        "append": http.post(f"{DEAL}/entries", json=entry),
        "refused": http.put(DEAL, json=wrong, headers=TRACED),
        "malformed": http.put(DEAL, content=b"{", headers={"content-type": "application/json"}),
        "conflict": http.put(DEAL, json=put, headers={"if-match": '"77"'}),
        "render": http.post("/v1/render", json=RENDER),
        "summary": http.post(f"{DEAL}/summaries", json={"keep": 0}),
        "probe": http.get("/livez"),
        "mcp": http.post("/mcp", json=_prompt(), headers=EITHER),
        "meta": http.post("/mcp", json=_prompt(META), headers=EITHER),
        "both": http.post("/mcp", json=_prompt(META), headers=EITHER | TRACED),
        "bad": http.post("/mcp", json=_prompt({"traceparent": "00-x"}), headers=EITHER | TRACED),
    }


def _prompt(meta=None):
    params = {"name": "private-space/private-name"} | ({"_meta": meta} if meta else {})
    return {"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": params}


def test_a_request_is_a_child_of_its_callers_span(told):
    collector, answers = told
    assert answers["put"].status_code == 201, answers["put"].text
    put, refused = collector.named(f"PUT {ROUTE}")[:2]
    for span, status in ((put, 201), (refused, 422)):
        assert (span.trace, span.parent) == (TRACE, CALLER)
        assert span.attributes == {
            "http.request.method": "PUT",
            "http.route": ROUTE,
            "http.response.status_code": status,
        }
    assert not put.failed


def test_each_step_is_a_child_of_its_request(told):
    collector, _ = told
    put = collector.named(f"PUT {ROUTE}")[0]
    steps = collector.steps(put)
    assert list(steps) == ["parse", "validate", "transform"]
    assert {span.attributes["backstory.of"] for span in steps.values()} == {
        "application/json",
        "deal",
    }
    assert not any(span.failed for span in steps.values())


def test_a_patch_is_validated_where_it_is_written_and_belongs_to_its_request_all_the_same(told):
    collector, answers = told
    assert answers["patch"].status_code == 200, answers["patch"].text
    (patch,) = collector.named(f"PATCH {ROUTE}")
    assert list(collector.steps(patch)) == ["parse", "validate", "transform"]


def test_the_rights_the_store_and_the_renderer_have_parts_of_their_own(told):
    collector, answers = told
    assert answers["render"].status_code == 200, answers["render"].text
    (render,) = collector.named("POST /v1/render")
    parts = collector.parts(render)
    assert set(parts) == {"policy", "store", "render"}
    assert parts["render"].attributes == {"backstory.of": "text"}
    assert set(collector.parts(parts["render"])) == {"store"}, "what is read for it lies below"
    assert parts["store"].attributes["backstory.of"] == "view"
    (summary,) = collector.named(f"POST {ROUTE}/summaries")
    assert set(collector.parts(summary)) >= {"policy", "store", "summarise"}


def test_a_part_that_fails_says_by_which_code(told):
    collector, answers = told
    assert answers["conflict"].status_code == 412
    failed = [span for span in collector.spans if span.failed and span.name == "store"]
    assert {span.attributes["error.type"] for span in failed} == {"precondition_failed"}


def test_entries_are_one_step_together(told):
    collector, answers = told
    assert answers["append"].status_code == 200, answers["append"].text
    (append,) = collector.named(f"POST {ROUTE}/entries")
    assert list(collector.steps(append)) == ["parse", "validate", "transform"]


def test_a_step_that_rejects_says_by_which_code(told):
    collector, answers = told
    problem = answers["refused"].json()
    assert (problem["code"], problem["step"]) == ("schema_violation", "validate")
    refused = collector.named(f"PUT {ROUTE}")[1]
    step = collector.steps(refused)["validate"]
    assert (step.failed, step.attributes["error.type"]) == (True, "schema_violation")
    assert "transform" not in collector.steps(refused)


def test_a_problem_carries_the_trace_it_belongs_to(told):
    collector, answers = told
    assert answers["refused"].json()["trace_id"] == TRACE
    problem = answers["malformed"].json()
    assert problem["step"] == "parse"
    own = collector.named(f"PUT {ROUTE}")[2]
    assert (own.trace, own.parent) == (problem["trace_id"], "")


def test_time_and_failures_are_counted_by_step(told):
    collector, _ = told
    seconds = collector.points("backstory.step.duration")
    counted = {dict(labels)["backstory.step"]: point.count for labels, point in seconds.items()}
    # One parse for each body that was sent, and no validation of what could not be parsed. What
    # is refused by what a process believes of a kind is looked at again.
    assert counted == {"parse": 11, "validate": 7, "transform": 5}
    failures = collector.points("backstory.step.failures")
    assert {
        (dict(labels)["backstory.step"], dict(labels)["error.type"]): point.as_int
        for labels, point in failures.items()
    } == {("parse", "malformed"): 1, ("validate", "schema_violation"): 2}


def test_a_message_of_mcp_names_its_trace_in_its_meta_which_counts_more_than_the_header(told):
    collector, _ = told
    plain, meta, both, bad = collector.named("POST /mcp")
    assert plain.parent == ""
    for span in (meta, both):
        assert (span.trace, span.parent) == (MESSAGE_TRACE, MESSAGE_CALLER)
    assert (meta.links, both.links) == ([], [(TRACE, CALLER)])
    assert (bad.trace, bad.parent) == (TRACE, CALLER)
    assert next(iter(collector.steps(meta))) == "parse"


def test_nothing_that_is_anybodys_own_is_told(told):
    collector, answers = told
    assert answers["mcp"].status_code in {200, 400, 404}
    everything = b"".join(collector.bodies)
    assert b"deal" in everything
    assert b"private" not in everything


def test_probes_are_not_told_of(told):
    collector, answers = told
    assert answers["probe"].status_code == 200
    assert not [span for span in collector.spans if "livez" in span.name]
    assert all(span.attributes.get("http.route", ROUTE) != "/livez" for span in collector.spans)


def test_the_service_has_its_name(told):
    collector, _ = told
    assert {resource["service.name"] for resource in collector.resources} == {"backstory"}


def test_the_variables_name_the_service_and_choose_the_signals(tmp_path):
    with collecting() as (collector, variables):
        more = {"OTEL_SERVICE_NAME": "mine", "OTEL_TRACES_EXPORTER": "none"}
        with serving(tmp_path, env=variables | more) as server, server.client() as http:
            refused = http.put(DEAL, json={}, headers=TRACED)
            assert server.stop() == 0
    assert {resource["service.name"] for resource in collector.resources} == {"mine"}
    assert collector.spans == []
    assert len(collector.points("backstory.step.duration")) > 0
    assert len(refused.json()["trace_id"]) == 32


def test_each_worker_tells_of_its_own_requests(tmp_path):
    with (
        collecting() as (collector, variables),
        serving(tmp_path, "--workers", "2", env=variables) as server,
    ):
        with server.client() as http:
            made = http.put(DEAL, json={"kind": "session"}, headers=TRACED)
            assert made.status_code == 201
        assert server.stop() == 0
    (put,) = collector.named(f"PUT {ROUTE}")
    assert (put.trace, put.parent) == (TRACE, CALLER)
    assert list(collector.steps(put)) == ["parse", "transform"]


@pytest.mark.parametrize(
    ("environ", "traces", "metrics"),
    [
        ({}, False, False),
        ({"OTEL_SERVICE_NAME": "x"}, False, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True, False),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}, False, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_METRICS_EXPORTER": "none"}, True, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "TRUE"}, False, False),
    ],
)
def test_only_what_is_asked_for_is_sent(environ, traces, metrics):
    assert asked(environ) == Asked(traces, metrics)


@pytest.mark.parametrize(
    "wrong",
    [
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_METRICS_EXPORTER": "prometheus"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
    ],
)
def test_what_there_is_not_stops_the_start(wrong):
    with pytest.raises(ConfigError, match=list(wrong)[-1]):
        asked(wrong)


def test_a_wrong_variable_is_told_in_one_line(tmp_path):
    with failing(tmp_path, env={"OTEL_TRACES_EXPORTER": "zipkin"}) as server:
        assert server.wait() == 2
    (line,) = server.errors().splitlines()
    assert line.startswith("error: OTEL_TRACES_EXPORTER must be otlp or none")


OPENED = """
import asyncio, sys
from backstory.config import load
from backstory.wiring import open_app

async def main():
    async with open_app(load({"store": sys.argv[1]}, environ={})):
        print([name for name in sys.modules if name.startswith("opentelemetry.sdk")])

asyncio.run(main())
"""


def test_nobody_who_does_not_ask_loads_the_sdk(tmp_path):
    command = [sys.executable, "-c", OPENED, f"sqlite:///{tmp_path}/s.db"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_a_collector_that_is_not_there_keeps_no_server_from_serving_and_stopping(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with serving(tmp_path, env={"OTEL_EXPORTER_OTLP_ENDPOINT": url}) as server:
        with server.client() as http:
            assert http.put(DEAL, json={"kind": "session"}).status_code == 201
        assert server.stop() == 0
        assert "the collector of telemetry did not answer in time" in server.errors()


async def test_an_end_that_never_comes_is_not_waited_for(monkeypatch, caplog):
    import threading

    monkeypatch.setattr(limits, "TELEMETRY_SECONDS", 0.01)
    never = threading.Event()
    await exporting._shut(never.wait)
    never.set()
    assert "did not answer in time" in caplog.text


def test_a_dependency_that_goes_and_comes_is_counted():
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    hooks = Told([OtlpMetrics(provider.get_meter("test"))])
    for there in (False, True, False):
        hooks.tell(DependencyChanged("database", there))
    (resource,) = reader.get_metrics_data().resource_metrics
    points = resource.scope_metrics[0].metrics[0].data.data_points
    provider.shutdown()
    assert {(point.attributes["backstory.state"], point.value) for point in points} == {
        ("away", 2),
        ("there", 1),
    }


def test_a_collector_that_hangs_costs_no_request_anything(tmp_path):
    """It takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        eager = {"OTEL_BSP_SCHEDULE_DELAY": "10", "OTEL_METRIC_EXPORT_INTERVAL": "10"}
        with serving(tmp_path, env={"OTEL_EXPORTER_OTLP_ENDPOINT": url} | eager) as server:
            with server.client() as http:
                for _ in range(300):
                    assert http.put(DEAL, json={"kind": "session"}).is_success
            connection, _ = hanging.accept()
            connection.close()
            assert server.stop() == 0


def test_the_sampler_of_the_variables_decides_and_a_callers_decision_counts(tmp_path):
    sampler = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    with (
        collecting() as (collector, variables),
        serving(tmp_path, env=variables | sampler) as server,
    ):
        with server.client() as http:
            http.put(DEAL, json={"kind": "session"})
            http.get(DEAL, headers=TRACED)
            unwanted = {"traceparent": TRACED["traceparent"][:-1] + "0"}
            refused = http.get(f"{DEAL}-2", headers=unwanted)
        assert server.stop() == 0
    assert refused.json()["trace_id"] == TRACE
    assert [span.name for span in collector.spans if span.parent == CALLER] == [f"GET {ROUTE}"]
    assert {span.trace for span in collector.spans} == {TRACE}
