"""`backstory scrub` finds damage, and doctor, health and metrics tell of it."""

import json
import sqlite3
import subprocess
import sys

import pytest

from serving import SECONDS, serving, until


@pytest.fixture
def run(tmp_path):
    def command(*arguments):
        store = f"sqlite:///{tmp_path / 'store' / 'test.db'}"
        done = subprocess.run(
            [sys.executable, "-m", "backstory", *arguments, "--store", store],
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            cwd=tmp_path,
        )
        assert "Traceback" not in done.stderr
        return done

    return command


def test_damage_is_found_and_told_everywhere(tmp_path, run):
    assert run("scrub").returncode == 1  # there is no store
    with serving(tmp_path) as server, server.client() as http:
        http.put("/v1/contexts/users.42/doc", json={"kind": "document"})
        body = b"".join(b"line %d\n" % number for number in range(30_000))
        headers = {"content-type": "text/plain"}
        http.put("/v1/contexts/users.42/doc/content", content=body, headers=headers)
        done = run("scrub")  # beside the server
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("1 contexts, 2 changes, ")
        assert done.stdout.endswith(" and 1 manifests: all whole\n")
        assert server.stop() == 0
    connection = sqlite3.connect(tmp_path / "store" / "test.db")
    with connection:
        connection.execute("UPDATE chunk_bodies SET body = x'00' WHERE id = 1")
    connection.close()
    done = run("scrub", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert not found["ok"]
    assert [(one["what"], one["where"]) for one in found["damage"]] == [("chunk", "1")]
    done = run("doctor")
    assert done.returncode == 1
    assert "failed  scrub: 1 damaged things, the first: chunk 1 of tenant" in done.stdout
    with serving(tmp_path) as server, server.client() as http:
        health = http.get("/healthz").json()
        assert health["status"] == "degraded"
        assert health["checks"]["integrity"]["code"] == "store_corrupt"
        assert http.get("/readyz").status_code == 200
        told = 'backstory_scrub_damage{what="chunk"} 1.0'
        until(
            lambda: told in http.get("/metrics").text.splitlines(), "the number of damaged chunks"
        )
