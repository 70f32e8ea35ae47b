"""`backstory render`: a window from a running server on the command line."""

import json
import subprocess
import sys

import httpx
import pytest

from serving import SECONDS


@pytest.fixture
def run(server):
    with httpx.Client(base_url=server.url, timeout=SECONDS) as http:
        http.put("/v1/contexts/cli/chat", json={"kind": "conversation"}).raise_for_status()
        entries = [{"role": "user", "content": f"question {i} about tea"} for i in range(40)]
        answer = http.post("/v1/contexts/cli/chat/entries", json={"entries": entries})
        answer.raise_for_status()

    def run(*arguments, code=0):
        command = [sys.executable, "-m", "backstory", "render", *map(str, arguments)]
        command += ["--url", server.url]
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        assert done.returncode == code, done.stderr.decode()
        return (done.stderr if code else done.stdout).decode()

    return run


def test_the_input_is_printed_as_the_provider_takes_it(run):
    found = json.loads(run("cli/chat", "--model", "gpt-4o", "--budget", 5000))
    assert found["messages"][39]["content"] == "question 39 about tea"
    text = run("cli/chat", "--model", "gpt-4o", "--budget", 5000, "--format", "text")
    assert text.count("about tea") == 40


def test_the_ledger_says_why(run):
    wanted = ("cli/chat", "--model", "gpt-4o", "--budget", 100)
    table = run(*wanted, "--ledger").splitlines()
    assert table[0].split()[:4] == ["source", "part", "kept", "dropped"]
    assert any("older than the window" in line for line in table)
    assert " tokens by o200k_base; " in table[-1]
    whole = json.loads(run(*wanted, "--json", "--entries", "relevant", "--query", "7"))
    assert {row["reason"] for row in whole["ledger"]} == {"kept", "not relevant"}


def test_what_is_refused_is_told_in_one_line(run):
    said = run("cli/chat", "--model", "who-7b", "--budget", 100, code=1)
    assert said.startswith("error: no counter is known")
    assert said.strip().endswith("(unknown_model)")
    assert "not_found" in run("cli/none", "--model", "gpt-4o", "--budget", 100, code=1)
