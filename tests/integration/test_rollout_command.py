"""`backstory rollout check`: what it says of Prometheus and of probes, and with which exit code."""

import json
from contextlib import contextmanager
from functools import wraps
from itertools import count

import httpx
import pytest
from click.testing import CliRunner

from backstory.cli import main
from backstory.cli.rollout.judging import Verdict
from backstory.cli.rollout.probes import Side
from backstory.cli.rollout.probing import one_way
from backstory.errors import ConfigError
from observing.listening import listening
from postgres_server import free_port
from serving import serving

_numbers = count(1)
COLOURS = ("--old", 'color="blue"', "--new", '{color="green"}')
EMPTY = {"status": "success", "data": {"resultType": "vector", "result": []}}
NOW = {"status": "success", "data": {"resultType": "scalar", "result": [1.5e9, "1.5e9"]}}
WRONG = {"status": "error", "errorType": "bad_data", "error": "1:4: parse error:\nunexpected"}


def check(*arguments):
    return CliRunner().invoke(main, ["rollout", "check", *arguments], catch_exceptions=False)


def prometheus(status=200, body=EMPTY):
    """Stands where a Prometheus is that says the time, and else always the same."""

    def answer(request):
        known = status == 200 and body is not WRONG and b"query=time" in request.body
        told = NOW if known else body
        return status, told if isinstance(told, bytes) else json.dumps(told).encode()

    return listening(answer)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "there is nothing to look at without --old and --new"),
        (COLOURS[:2], "--old and --new go together"),
        (("--new-url", "http://localhost:1"), "--old-url and --new-url go together"),
        ((*COLOURS, "--window", "soon"), "soon is no duration"),
        ((*COLOURS, "--window", "1s"), "1s is no duration from 10s"),
        ((*COLOURS, "--prometheus", "nowhere"), "--prometheus must be a URL"),
        (("--old-url", "nowhere", "--new-url", "http://x"), "--old-url must be one such as"),
        ((*COLOURS, "--prometheus-token-file", "/nowhere"), "/nowhere cannot be read"),
        (
            ("--old-url", "http://x", "--new-url", "http://x", "--namespace", "Not One"),
            "--namespace Not One",
        ),
    ],
)
def test_wrong_usage_is_one_line(arguments, told):
    answer = check(*arguments)
    assert answer.exit_code == 2
    assert told in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_a_prometheus_that_cannot_be_reached_is_waited_for():
    answer = check(*COLOURS, "--prometheus", f"http://me:secret@127.0.0.1:{free_port()}")
    assert answer.exit_code == 3
    said = answer.stdout.splitlines()
    assert said[0] == "wait"
    assert said[1].startswith(
        "wait      Prometheus: Prometheus cannot be asked at http://127.0.0.1"
    )


@pytest.mark.parametrize("status", [500, 503, 429])
def test_one_that_cannot_answer_now_is_waited_for(status):
    with prometheus(status) as port:
        answer = check(*COLOURS, "--prometheus", f"http://127.0.0.1:{port}", "--json")
    said = json.loads(answer.stdout)
    assert (answer.exit_code, said["verdict"]) == (3, "wait")
    assert f"cannot answer now (status {status})" in said["reasons"][0]["detail"]


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, EMPTY, "asks for another token (status 401); --prometheus-token-file"),
        (400, WRONG, "does not take the query time(): 1:4: parse error: unexpected"),
        (200, b"<html>", "is no Prometheus; --prometheus names it"),
        (404, {}, "is no Prometheus; --prometheus names it"),
        (200, {"status": "success", "data": {"resultType": "vector", "result": [1]}}, "is no"),
        (200, {"status": "success", "data": []}, "is no Prometheus"),
    ],
)
def test_what_is_wrong_with_it_is_an_error(status, body, told):
    with prometheus(status, body) as port:
        answer = check(*COLOURS, "--prometheus", f"http://127.0.0.1:{port}")
    assert answer.exit_code == 2
    assert told in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_nodes_that_it_does_not_know_are_waited_for():
    with prometheus() as port:
        answer = check(*COLOURS, "--prometheus", f"http://127.0.0.1:{port}")
    assert answer.exit_code == 3
    assert 'Prometheus knows no node with color="blue"' in answer.stdout
    assert 'Prometheus knows no node with color="green"' in answer.stdout


# -- probes ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def left_over(server):
    """Looks at the end that nothing was left behind."""
    yield
    with server.client() as http:
        left = http.get("/v1/contexts", params={"namespace": "rollout.*"}).json()
    assert left["items"] == []


class Altered(httpx.BaseTransport):
    """Another version: what the server answers, changed on the way."""

    def __init__(self, change):
        self._inner, self._change = httpx.HTTPTransport(), change

    def handle_request(self, request):
        answer = self._inner.handle_request(request)
        content = answer.read()
        kept = httpx.Response(answer.status_code, headers=answer.headers, content=content)
        return self._change(request, kept) or kept

    def close(self):
        self._inner.close()


@contextmanager
def sides(server, change):
    """The old colour as it is, and a new one that is changed."""
    plain = {"accept-encoding": "identity"}
    with (
        server.client(headers=plain) as old,
        server.client(headers=plain, transport=Altered(change)) as new,
    ):
        yield Side("old", old), Side("new", new)


def fresh():
    """A namespace of its own: what was removed goes on from its last version."""
    return f"rollout.test-{next(_numbers)}"


def found(server, change):
    """What the probes find, written by the old and written by the new colour."""
    with sides(server, change) as (old, new):
        ways = [one_way(old, new, fresh()), one_way(new, old, fresh())]
    return [reason for reason in ways if reason is not None]


def edited(part, method="GET", status=200):
    """Changes the JSON of answers whose path holds a part."""

    def decorate(edit):
        @wraps(edit)
        def change(request, answer):
            if part not in request.url.path or (request.method, answer.status_code) != (
                method,
                status,
            ):
                return None
            body = answer.json()
            edit(body)
            headers = {n: v for n, v in answer.headers.items() if n != "content-length"}
            return httpx.Response(answer.status_code, headers=headers, json=body)

        return change

    return decorate


@edited("/first")
def no_labels(body):
    body.pop("labels", None)


@edited("/first")
def another_state(body):
    if "state" in body:
        body["state"]["deep"] = {}


@edited("/first", "PATCH")
def versions_from_nowhere(body):
    body["version"] += 1


@edited("/first/entries")
def another_text(body):
    for entry in body["items"]:
        entry["content"] = "x"


@edited("/first/entries", "POST")
def entries_made_again(body):
    body["created"] = 2


@edited("/v1/changes")
def no_changes(body):
    body["items"] = []


@edited("/mcp", "POST")
def no_tool(body):
    tools = body["result"].get("tools", [])
    body["result"]["tools"] = [tool for tool in tools if tool["name"] != "read_context"]


@edited("/mcp", "POST")
def a_tool_that_needs_more(body):
    for tool in body["result"].get("tools", []):
        tool["inputSchema"].setdefault("required", []).append("more")


@edited("/openapi.json")
def no_search(body):
    del body["paths"]["/v1/search"]


def conditions_do_not_count(request, answer):
    return httpx.Response(200, json={}) if answer.status_code == 412 else None


def no_json(request, answer):
    ours = request.method == "GET" and "/first" in request.url.path
    return httpx.Response(200, headers=answer.headers, content=b"fine") if ours else None


def refuses(request, answer):
    problem = {"code": "schema", "detail": "this is not allowed any more"}
    put = request.method == "PUT" and request.url.path.endswith("first")
    return httpx.Response(422, json=problem) if put else None


ALTERED = [
    (no_labels, "shows no labels of a context"),
    (another_state, "a context, state"),
    (versions_from_nowhere, "the version behind a write: 2 is 3 in the other colour"),
    (another_text, "an entry, content"),
    (entries_made_again, "entries made of ones that were sent again"),
    (no_changes, "changes behind a cursor"),
    (no_tool, "the new colour has no tool read_context"),
    (a_tool_that_needs_more, "needs more"),
    (no_search, "the new colour has no POST /v1/search"),
    (conditions_do_not_count, "/first with 200"),
    (no_json, "with something other than JSON"),
    (refuses, "with 422"),
]


@pytest.mark.parametrize(("change", "told"), ALTERED, ids=[each.__name__ for each, _ in ALTERED])
def test_a_version_that_does_not_fit_is_rolled_back(server, left_over, change, told):
    reasons = found(server, change)
    assert reasons
    assert {reason.verdict for reason in reasons} == {Verdict.ROLL_BACK}
    assert any(told in reason.detail for reason in reasons), reasons


def test_two_that_fit_are_promoted(server, left_over):
    answer = check("--old-url", server.url, "--new-url", server.url)
    assert (answer.exit_code, answer.stdout) == (
        0, "promote\nok        probes: 7 probes each way: the colours agree\n"
    )  # fmt: skip


def test_a_server_that_cannot_answer_is_waited_for(server, left_over):
    def busy(request, answer):
        return httpx.Response(503, json={"code": "busy", "detail": "later"})

    reasons = found(server, busy)
    assert {reason.verdict for reason in reasons} == {Verdict.WAIT}
    assert "the new colour answers" in reasons[0].detail
    answer = check("--old-url", server.url, "--new-url", f"http://127.0.0.1:{free_port()}")
    assert answer.exit_code == 3
    assert "the new colour at http://127.0.0.1" in answer.stdout


def test_a_token_that_does_not_let_the_probes_in_is_an_error(server, left_over):
    def refused(request, answer):
        return httpx.Response(403, json={"code": "forbidden", "detail": "not there"})

    with sides(server, refused) as (old, new), pytest.raises(ConfigError, match="--token-file"):
        one_way(old, new, fresh())
