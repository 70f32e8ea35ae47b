"""`backstory content`: put, get and sync against a running server."""

import json
import subprocess
import sys

import pytest

from content_samples import TEXT, edited
from serving import SECONDS


@pytest.fixture
def run(server):
    def run(*arguments, code=0, raw=False):
        command = [sys.executable, "-m", "backstory", "content", *map(str, arguments)]
        command += ["--url", server.url, "--json"]
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        assert done.returncode == code, done.stderr.decode()
        if code:
            return done.stderr.decode()
        return (done.stdout, json.loads(done.stderr)) if raw else json.loads(done.stdout)

    return run


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "handbook.txt"
    path.write_bytes(TEXT)
    return path


def test_a_file_goes_in_and_comes_back(run, file, tmp_path):
    done = run("put", "cli/one", file, "--create")
    assert (done["version"], done["size"]) == (2, len(TEXT))
    copy = tmp_path / "copy.txt"
    got = run("get", "cli/one", copy)
    assert copy.read_bytes() == TEXT
    assert (got["bytes"], got["media_type"]) == (len(TEXT), "text/plain")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


def test_a_range_and_the_past_can_be_had(run, file):
    run("put", "cli/two", file, "--create")
    file.write_bytes(b"short")
    run("put", "cli/two", file)
    body, report = run("get", "cli/two", "-", "--at", "2", "--range", "700000-700009", raw=True)
    assert body == TEXT[700_000:700_010]
    assert report["etag"] == '"2"'
    assert "range_not_satisfiable" in run("get", "cli/two", "-", "--range", "99-", code=1)
    assert "--range must be" in run("get", "cli/two", "-", "--range", "nonsense", code=1)


def test_a_sync_sends_only_what_is_missing(run, file, tmp_path):
    own = TEXT[::-1]  # which no other context has
    file.write_bytes(own)
    first = run("sync", "cli/three", file, "--create")
    assert first["sent_chunks"] == first["chunks"] > 50
    again = run("sync", "cli/three", file)
    assert (again["sent_chunks"], again["version"]) == (0, first["version"])
    after = edited(own, (700_000, 60, b"x" * 60))
    file.write_bytes(after)
    third = run("sync", "cli/three", file)
    assert third["sent_chunks"] <= 3
    assert third["sent_bytes"] < 0.06 * len(TEXT)
    copy = tmp_path / "copy.txt"
    run("get", "cli/three", copy)
    assert copy.read_bytes() == after


def test_what_the_server_says_comes_out(run, file, tmp_path):
    assert "there is no context cli/none (not_found)" in run("put", "cli/none", file, code=1)
    assert "(not_found)" in run("get", "cli/none", tmp_path / "x", code=1)
    assert not (tmp_path / "x").exists()
    assert "not a context" in run("get", "none", tmp_path / "x", code=2)


def test_a_server_that_is_not_there_is_said_to_be(file):
    for url, code in (("http://127.0.0.1:9", 1), ("nonsense", 2)):
        command = [sys.executable, "-m", "backstory", "content", "put", "a/b", file, "--url", url]
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        assert done.returncode == code
        assert done.stderr.startswith(b"error: ")
