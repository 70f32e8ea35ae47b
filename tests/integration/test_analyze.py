"""`backstory analyze` reads what a real server writes; operators see the same of the newest requests."""

import json
import subprocess
import sys

import pytest

from serving import SECONDS, serving


def analyze(folder, *arguments, **options):
    command = [sys.executable, "-m", "backstory", "analyze", *arguments]
    return subprocess.run(
        command, capture_output=True, check=False, timeout=SECONDS, cwd=folder, **options
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With the log of a server that did something, and what it told of it while it ran."""
    folder = tmp_path_factory.mktemp("analyze")
    flags = ("--access-log", "--insights", "--log-format", "json")
    with serving(folder, *flags) as server, server.client() as http:
        for _ in range(3):
            http.put("/v1/contexts/users.42/chat", json={"kind": "conversation"})
        http.get("/v1/contexts/users.42/none")
        http.put(
            "/v1/contexts/users.42/chat",
            json={"kind": "conversation"},
            headers={"if-none-match": "*"},
        )
        (folder / "insights.json").write_text(http.get("/v1/admin/insights").text)
        assert server.stop() == 0
    return folder


def test_the_log_of_a_server_is_told_in_json(folder):
    done = analyze(folder, "server.log", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    found = json.loads(done.stdout)
    assert found["total"]["requests"] == 6
    assert found["total"]["unreadable"] == 0
    assert ("/v1/contexts/{namespace}/{name}", "not_found", 1) in {
        (row["route"], row["code"], row["count"]) for row in found["errors"]
    }
    assert found["conflicts"][0]["code"] == "precondition_failed"
    assert found["releases"][0]["requests"] == 6


def test_and_in_tables_and_on_a_page_from_a_pipe(folder):
    done = analyze(folder, "-", "--html", "page.html", input=(folder / "server.log").read_bytes())
    assert done.returncode == 0, done.stderr
    assert b"6 requests from 2026" in done.stdout or b"6 requests from 20" in done.stdout
    assert b"Conflicts between writers" in done.stdout
    assert "<svg" in (folder / "page.html").read_text()


def test_operators_see_the_same_of_the_newest_requests(folder):
    found = json.loads((folder / "insights.json").read_text())
    assert found["scope"]["workers"] == 1
    assert found["total"]["requests"] == 5
    assert found["conflicts"][0]["code"] == "precondition_failed"
    assert len(found["slowest"]) == 5


def test_without_the_setting_nothing_is_remembered(tmp_path):
    with serving(tmp_path) as server, server.client() as http:
        answer = http.get("/v1/admin/insights")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "--insights" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("none.log",), b"cannot read none.log"), (("empty",), b"none of 0 lines"), ((), b"LOG")],
)
def test_what_cannot_be_analyzed_is_told_in_one_line(tmp_path, arguments, said):
    (tmp_path / "empty").write_bytes(b"")
    done = analyze(tmp_path, *arguments)
    assert done.returncode != 0
    assert said in done.stderr
    assert b"Traceback" not in done.stderr
