"""`backstory content`: put, get and sync against a running server."""

import json
import subprocess
import sys

import pytest

from backstory import limits
from content_samples import TEXT, edited
from pages import DOCS
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


def test_a_page_of_the_documentation_is_stored_edited_range_read_and_synced(run, tmp_path):
    """A document of the project's own, all of it from the command line."""
    page, copy = tmp_path / "cli.md", tmp_path / "copy.md"
    page.write_bytes((DOCS / "reference" / "cli.md").read_bytes() * 12)
    whole = page.read_bytes()
    stored = run("put", "docs/cli", page, "--create")
    assert (stored["version"], stored["size"]) == (2, len(whole))
    assert run("get", "docs/cli", copy)["media_type"] == "text/markdown"
    assert copy.read_bytes() == whole

    at = whole.index(b"## ", len(whole) // 2)
    done = run("edit", "docs/cli", "--offset", at, "--delete", 2, "--insert", "# Chapter")
    after = edited(whole, (at, 2, b"# Chapter"))
    assert (done["version"], done["size"]) == (3, len(after))
    assert done["sent_bytes"] < 100
    span = f"{at - 10}-{at + 19}"
    body, report = run("get", "docs/cli", "-", "--range", span, raw=True)
    assert (body, report["bytes"]) == (after[at - 10 : at + 20], 30)

    page.write_bytes(edited(after, (100, 5, b"five!")))
    synced = run("sync", "docs/cli", page)
    assert (synced["version"], 0 < synced["sent_chunks"] <= 3 < synced["chunks"]) == (4, True)
    assert run("sync", "docs/cli", page)["sent_chunks"] == 0
    run("get", "docs/cli", copy)
    assert copy.read_bytes() == page.read_bytes()
    run("get", "docs/cli", copy, "--at", 2)
    assert copy.read_bytes() == whole


def test_several_edits_and_bytes_come_from_files(run, file, tmp_path):
    run("put", "cli/edited", file, "--create")
    edits = tmp_path / "edits.json"
    edits.write_text('{"edits": [{"offset": 0, "insert": "A"}, {"offset": 9, "delete": 3}]}')
    run("edit", "cli/edited", "--edits", edits)
    raw = tmp_path / "raw"
    raw.write_bytes(b"\xff\x00")
    tag = run("get", "cli/edited", tmp_path / "copy")["etag"]
    run("edit", "cli/edited", "--offset", 1, "--insert-file", raw, "--if-match", tag)
    run("get", "cli/edited", tmp_path / "copy")
    expected = edited(edited(TEXT, (0, 0, b"A"), (9, 3, b"")), (1, 0, b"\xff\x00"))
    assert (tmp_path / "copy").read_bytes() == expected
    again = ("edit", "cli/edited", "--offset", 1, "--delete", 1, "--if-match", tag.strip('"'))
    assert "(precondition_failed)" in run(*again, code=1)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "--offset says where"),
        (["--offset", 1], "nothing to change"),
        (["--offset", -1, "--delete", 1], "--offset"),
        (["--offset", 1, "--insert", "a", "--insert-file", "{file}"], "exclude each other"),
        (["--offset", 1, "--edits", "{file}"], "--edits says all of it"),
        (["--offset", 1, "--insert-file", "nowhere"], "nowhere"),
    ],
)
def test_an_edit_that_says_nothing_or_two_things_is_wrong_usage(run, file, arguments, reason):
    filled = [file if each == "{file}" else each for each in arguments]
    assert reason in run("edit", "cli/wrong", *filled, code=2)


def test_an_edit_that_does_not_fit_changes_nothing(run, file, tmp_path):
    run("put", "cli/fits", file, "--create")
    past = run("edit", "cli/fits", "--offset", len(TEXT) + 1, "--insert", "x", code=1)
    assert "(patch_conflict)" in past
    assert "not JSON" in run("edit", "cli/fits", "--edits", file, code=1)
    large = tmp_path / "large"
    large.write_bytes(b"x" * limits.BODY_BYTES)
    said = run("edit", "cli/fits", "--offset", 0, "--insert-file", large, code=1)
    assert "`content sync` sends large changes" in said
    run("get", "cli/fits", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == TEXT


def test_what_the_server_says_comes_out(run, file, tmp_path):
    assert "there is no context cli/none; --create makes it (not_found)" in run(
        "put", "cli/none", file, code=1
    )
    assert "--create makes it (not_found)" in run("sync", "cli/none", file, code=1)
    assert "(not_found)" in run("get", "cli/none", tmp_path / "x", code=1)
    assert not (tmp_path / "x").exists()
    assert "not a context" in run("get", "none", tmp_path / "x", code=2)


def test_a_server_that_is_not_there_is_said_to_be(file):
    for url, code in (("http://127.0.0.1:9", 1), ("nonsense", 2)):
        command = [sys.executable, "-m", "backstory", "content", "put", "a/b", file, "--url", url]
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        assert done.returncode == code
        assert done.stderr.startswith(b"error: ")
