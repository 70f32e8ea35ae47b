"""What stands in the log and what never does, and what becomes of a server that cannot write it."""

import json
import logging
import os
import re
import socket
import subprocess
import sys

import httpx
import msgspec
import pytest

from backstory import limits
from backstory.domain.principals import Principal
from backstory.errors import StoreUnavailableError
from backstory.observability.logs import exceptions
from backstory.observability.logs import lines as lines_module
from backstory.observability.logs.access_lines import Quick, told
from backstory.observability.logs.repeats import Repeats
from backstory.observability.logs.setup import Log
from backstory.observability.logs.writing import Lines
from backstory.ports import events
from mcp_serving import JSON_AND_EVENTS, MODERN
from serving import serving, until

CANARY = "canary-7f3a"
PATH = f"/v1/contexts/{CANARY}/{CANARY}-name"
ROUTE = "/v1/contexts/{namespace}/{name}"
JSON = {"content-type": "application/json"}
VERSION = {"mcp-protocol-version": MODERN}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": CANARY, "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def lines(server):
    return [json.loads(line) for line in server.errors().splitlines()]


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """Lines of a server at level debug, after everything that carries text was sent to it."""
    env = {"BACKSTORY_LOG_LEVEL": "debug", "BACKSTORY_LOG_FORMAT": "json"}
    with serving(tmp_path_factory.mktemp("logged"), "--access-log", env=env) as server:
        with server.client() as http:
            answers = _everything(http)
        _garbage(server)
        assert server.stop() == 0
        return lines(server), answers


def _everything(http):
    state = {"kind": "preferences", "state": {"text": CANARY}}
    entry = {"entries": [{"role": "user", "content": CANARY, "metadata": {"a": CANARY}}]}
    patch = {"content-type": "application/json-patch+json"}
    render = {"sources": [{"context": f"{CANARY}/{CANARY}-name"}], "format": "text", "budget": 100}
    answers = {
        "put": http.put(PATH, json=state),
        "get": http.get(PATH, headers={"authorization": CANARY, "x-canary": CANARY}),
        "append": http.post(f"{PATH}/entries", json=entry),
        "missing": http.get(f"{PATH}-no"),
        "malformed": http.put(PATH, content=f'{{"{CANARY}'.encode(), headers=JSON),
        "shape": http.put(PATH, json={"kind": CANARY, "state": CANARY}),
        "conflict": http.patch(
            PATH, json=[{"op": "test", "path": "/text", "value": CANARY}] * 2, headers=patch
        ),
        "query": http.get(PATH, params={CANARY: CANARY}),
        "method": http.request(CANARY.upper(), PATH),
        "nowhere": http.get(f"/{CANARY}", params={"q": CANARY}),
        "search": http.post("/v1/search", json={"query": CANARY}),
        "render": http.post("/v1/render", json=render),
        "cursor": http.get("/v1/changes", params={"after": CANARY}),
        "content": http.put(
            f"{PATH}/content", content=CANARY.encode(), headers={"content-type": "text/plain"}
        ),
        "kind": http.put(f"/v1/kinds/{CANARY}", json={"schema": {"type": CANARY}}),
        "coded": http.put(
            PATH, content=CANARY.encode(), headers=JSON | {"content-encoding": "gzip"}
        ),
    }
    write = {"name": "write_context", "arguments": {"context": f"{CANARY}/x", "state": CANARY}}
    for method, params in (
        ("tools/call", write),
        ("tools/call", {"name": CANARY, "arguments": {CANARY: CANARY}}),
        ("resources/read", {"uri": f"context://{CANARY}/{CANARY}"}),
        ("prompts/get", {"name": CANARY, "arguments": {"a": CANARY}}),
        (CANARY, {"a": CANARY}),
    ):
        message = {"jsonrpc": "2.0", "id": CANARY, "method": method, "params": params}
        plain = http.post("/mcp", json=message, headers={"accept": JSON_AND_EVENTS})
        answers[f"mcp {method}"] = plain
        named = {"mcp-method": method, "mcp-name": params.get("name") or params.get("uri") or ""}
        message["params"] = params | {"_meta": META}
        http.post("/mcp", json=message, headers={"accept": JSON_AND_EVENTS} | VERSION | named)
    return answers


def _garbage(server):
    with socket.create_connection(server.address) as raw:
        raw.sendall(f"{CANARY} {CANARY}\r\n{CANARY}\r\n\r\n".encode())
        raw.recv(1000)


def access(found):
    return [line for line in found if line["logger"] == "backstory.access"]


def test_nothing_of_what_was_sent_stands_in_any_line(logged):
    found, answers = logged
    assert answers["put"].status_code == 201, answers["put"].text
    assert len(found) > len(answers)
    assert CANARY not in json.dumps(found).lower()


def test_each_line_tells_when_in_utc_with_microseconds_how_important_and_from_where(logged):
    found, _ = logged
    for line in found:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["at"])
        assert {"level", "logger", "message"} <= set(line)


def test_a_request_has_a_line_with_whose_it_was_and_what_came_of_it(logged):
    found, answers = logged
    first, *_ = access(found)
    assert (first["method"], first["route"], first["status"], first["code"]) == (
        "PUT",
        ROUTE,
        201,
        "ok",
    )
    assert first["tenant"] == "default"
    assert re.fullmatch("[0-9a-f]{16}", first["principal"])
    assert first["bytes"] == len(answers["put"].content)
    assert len({line["principal"] for line in access(found) if "principal" in line}) == 1


def test_the_trace_id_of_a_problem_is_that_of_its_line(logged):
    found, answers = logged
    by_trace = {line["trace_id"]: line for line in access(found)}
    for name, code in (("missing", "not_found"), ("malformed", "malformed")):
        problem = answers[name].json()
        assert by_trace[problem["trace_id"]]["code"] == problem["code"] == code


def test_a_request_of_mcp_says_which_method_and_tool(logged):
    called = [line for line in access(logged[0]) if "mcp_method" in line]
    assert {(line["mcp_method"], line["tool"]) for line in called} >= {
        ("tools/call", "write_context"),
        ("resources/read", ""),
    }


def test_the_level_is_changed_on_every_worker_while_the_server_runs(tmp_path):
    env = {"BACKSTORY_LOG_FORMAT": "json"}
    with serving(tmp_path, "--workers", "2", env=env) as server, server.client() as http:
        changed = http.put("/v1/admin/log-level", json={"level": "error", "seconds": 600})
        assert changed.json()["level"] == "error"

        def told(level):
            said = f"the level of the log is now {level}"
            return sum(line["message"].startswith(said) for line in lines(server))

        until(lambda: told("error") == 2, "both workers")
        assert http.delete("/v1/admin/log-level").json()["origin"] == "settings"
        until(lambda: told("info") == 2, "both workers")


def test_a_file_of_the_host_counts_more_than_what_operators_want(tmp_path):
    file = tmp_path / "level"
    env = {"BACKSTORY_LOG_FORMAT": "json", "BACKSTORY_LOG_LEVEL_FILE": str(file)}
    with serving(tmp_path, env=env) as server, server.client() as http:
        level = "/v1/admin/log-level"
        file.write_text("debug\n")
        until(lambda: http.get(level).json()["level"] == "debug", "the file's level")
        assert http.put(level, json={"level": "warning"}).json() == {
            "level": "debug",
            "origin": "file",
            "until": None,
        }
        file.unlink()
        until(lambda: http.get(level).json()["origin"] == "store", "the level of all")
        file.write_text("canary")
        until(lambda: "names no level" in server.errors(), "a word about it")
        assert "canary" not in server.errors()


@pytest.mark.parametrize(
    "body", [{"level": "loud"}, {"level": "info", "seconds": 0}, {}, [], {"level": "info", "x": 1}]
)
def test_a_wrong_level_is_refused(tmp_path_factory, body, refusing):
    assert refusing.put("/v1/admin/log-level", json=body).status_code == 422


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("refusing")) as server, server.client() as http:
        yield http


# -- lines that cannot be written ----------------------------------------------------------


def test_a_full_disk_under_the_log_stops_nothing(tmp_path):
    (tmp_path / "server.log").symlink_to("/dev/full")
    with serving(tmp_path, "--access-log") as server, server.client() as http:
        for _ in range(50):
            assert http.put(PATH, json={"kind": "preferences", "state": {}}).is_success
        until(lambda: 'log_lines_lost_total{reason="unwritable"}' in http.get("/metrics").text)
        assert server.stop() == 0


def test_a_reader_of_the_log_that_is_stuck_stops_nothing(tmp_path):
    os.mkfifo(tmp_path / "server.log")
    reader = os.open(tmp_path / "server.log", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with serving(tmp_path, "--access-log") as server, server.client() as http:
            for _ in range(1000):  # far more than a pipe holds
                assert http.get("/v1/whoami").is_success
            assert server.stop() == 0
    finally:
        os.close(reader)


def test_a_server_without_standard_error_serves(tmp_path):
    command = f'exec {sys.executable} -m backstory serve --json --port 0 --access-log --store "sqlite:///{tmp_path}/s.db" 2>&-'
    process = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, cwd=tmp_path)
    try:
        url = json.loads(process.stdout.readline())["url"]
        for _ in range(3):
            assert httpx.put(f"{url}{PATH}", json={"kind": "preferences", "state": {}}).is_success
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(60) == 0
    with open(tmp_path / "s.db", "rb") as file:  # noqa: PTH123
        assert b"backstory.access" not in file.read()


def test_what_could_not_be_written_is_told_of_as_soon_as_something_can(tmp_path):
    reader, writer = os.pipe()
    log = Lines(writer, lambda lost: b"lost %d" % lost)
    log._write([b"one"], 1)
    os.close(reader)
    log._write([b"two\nthree"], 2)
    reader, other = os.pipe()
    os.dup2(other, writer)
    log._write([b"four"], 1)
    assert (os.read(reader, 100), log.lost) == (b"lost 2\nfour\n", 2)
    for each in (reader, other, writer):
        os.close(each)


def test_more_lines_than_may_wait_are_lost_and_counted(monkeypatch):
    monkeypatch.setattr(limits, "LOG_WAITING", 2)
    log = Lines(0, lambda lost: b"")
    monkeypatch.setattr(log, "_start", lambda: None)
    for _ in range(5):
        log.write(b"line")
    assert log.lost == 3


# -- lines that come again and again -------------------------------------------------------


def record(message="it failed", level=logging.ERROR, **extra):
    made = logging.LogRecord("backstory.x", level, "x.py", 1, message, (), None)
    vars(made).update(extra)
    return made


def test_of_repeated_errors_the_first_few_are_written_then_one_in_a_while_with_a_count():
    now = [0.0]
    repeats = Repeats(lambda: now[0])
    written = [repeats.filter(record()) for _ in range(100)]
    assert written == [True] * limits.LOG_REPEATS + [False] * (100 - limits.LOG_REPEATS)
    now[0] = limits.LOG_REPEAT_SECONDS
    again = record()
    assert repeats.filter(again)
    assert again.repeated == 100 - limits.LOG_REPEATS
    assert not repeats.filter(record())
    assert repeats.left_out == 101 - limits.LOG_REPEATS


def test_errors_with_other_codes_and_lines_that_are_no_errors_are_not_held_back():
    repeats = Repeats(lambda: 0.0)
    for code in range(50):
        assert repeats.filter(record(code=code))
    assert all(repeats.filter(record(level=logging.INFO)) for _ in range(50))


def test_kinds_of_lines_are_told_apart_up_to_a_bound(monkeypatch):
    monkeypatch.setattr(limits, "LOG_KINDS", 3)
    repeats = Repeats(lambda: 0.0)
    for number in range(10):
        repeats.filter(record(code=number))
    assert len(repeats._kinds) == 3


# -- what a line is made of ----------------------------------------------------------------


@pytest.fixture
def log():
    reader, writer = os.pipe()
    made = Log(as_json=True, fd=writer)
    yield lambda: (made.flush(), json.loads(os.read(reader, 100_000)))[1], made
    os.close(reader)
    os.close(writer)


def test_an_exception_says_where_it_came_from_and_never_what_it_says(log):
    read, handler = log
    try:
        try:
            int(CANARY)
        except ValueError as error:
            raise StoreUnavailableError(CANARY) from error
    except StoreUnavailableError:
        handler.handle(record("it failed", exc_info=sys.exc_info()))
    line = read()
    assert CANARY not in json.dumps(line)
    assert "ValueError" in line["exception"]
    assert "StoreUnavailableError (store_unavailable)" in line["exception"]
    assert "test_logs.py" in line["exception"]


def test_a_group_of_exceptions_names_each_and_a_system_error_its_number():
    told = exceptions.told(ExceptionGroup(CANARY, [OSError(28, CANARY), KeyError(CANARY)]))
    assert "OSError (ENOSPC)" in told
    assert "KeyError" in told
    assert CANARY not in told


def test_of_a_library_only_the_place_is_told(log):
    read, handler = log
    handler.handle(logging.LogRecord("mcp.server", 40, "mcp.py", 7, f"bad {CANARY}", (), None))
    assert read()["message"] == "a message of mcp.server, line 7 of mcp"


def test_a_line_that_cannot_be_made_says_so(log):
    read, handler = log
    handler.handle(logging.LogRecord("backstory.x", 40, "x.py", 1, "%d", (CANARY,), None))
    line = read()
    assert line["message"] == "a line of the log could not be made"


def test_the_form_for_people_has_the_message_first_and_the_rest_behind():
    reader, writer = os.pipe()
    handler = Log(as_json=False, fd=writer)
    handler.handle(record("it failed", code="busy"))
    handler.flush()
    assert os.read(reader, 1000).decode() == "ERROR   backstory.x: it failed code=busy\n"
    os.close(reader)
    os.close(writer)


# -- a line for each request ---------------------------------------------------------------


def ended(**other):
    who = Principal("tenant %s é", "s", frozenset())
    usual = events.Ended(
        "GET", ROUTE, 200, "ok", 0.0012345, 7, "br", False, 2**127 + 5, who, (), 12.25
    )
    return msgspec.structs.replace(usual, **other)


@pytest.mark.parametrize(
    "event",
    [
        ended(),
        ended(stale=True, status=0, code="unexpected", seconds=0.0, trace=1),
        ended(principal=None, route="none", ended=12.999_999_9),
        ended(weight=10),
        ended(calls=(events.Called("tools/call", "read_context", "busy", 0.1),)),
    ],
)
def test_a_line_that_is_made_quickly_says_what_one_does_that_is_not(monkeypatch, event):
    monkeypatch.setattr(lines_module.CALLERS, "_hash", lambda tenant, subject: "0" * 16)
    (quick,) = Quick()([event], 1_700_000_000.5)
    assert json.loads(quick) == told(event, 1_700_000_000.5)
    assert list(json.loads(quick)) == list(told(event, 1_700_000_000.5))


def test_lines_of_requests_follow_the_clock_also_where_it_jumps_back():
    late, early = (
        [json.loads(line)["at"] for line in Quick()([ended(), ended(ended=13.25)], ahead)]
        for ahead in (1_700_000_000.5, 1_600_000_000.0)
    )
    assert late == ["2023-11-14T22:13:32.750000Z", "2023-11-14T22:13:33.750000Z"]
    assert early == ["2020-09-13T12:26:52.250000Z", "2020-09-13T12:26:53.250000Z"]
