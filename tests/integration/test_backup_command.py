"""`backstory backup` and `backstory restore`, beside a server that is written to."""

import json
import subprocess
import sys
import threading

import httpx
import pytest
from click.testing import CliRunner

from backstory.cli import main
from serving import serving

CHAT = "/v1/contexts/users.ada/chat"


def run(*arguments, **more):
    command = [sys.executable, "-m", "backstory", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **more)


def here(*arguments):
    """In this process, which is quicker, for what has no server beside it."""
    done = CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def said(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(done, code):
    """One line, and no more."""
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.endswith(f"({code})\n")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


class Writer(threading.Thread):
    """Appends without a pause, and remembers what was acknowledged."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.acknowledged, self.error = client, 0, None
        self.some, self.ended = threading.Event(), False

    def run(self):
        try:
            while not self.ended:
                entries = {"entries": [{"role": "user", "content": f"{self.acknowledged + 1}"}]}
                self.client.post(f"{CHAT}/entries", json=entries).raise_for_status()
                self.acknowledged += 1
                self.some.set()
        except httpx.HTTPError as error:  # told where the thread is joined
            self.error = error
            self.some.set()

    def stop(self):
        self.ended = True
        self.join(60)
        assert self.error is None, self.error


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A server that is being written to, a backup taken meanwhile, and what was known then."""
    folder = tmp_path_factory.mktemp("lived")
    store, backup = folder / "store" / "test.db", folder / "s.bak"
    with serving(folder) as server, server.client() as client:
        client.put(CHAT, json={"kind": "conversation"}).raise_for_status()
        tag = client.get(CHAT).headers["etag"]
        cursor = client.get("/v1/changes").json()["next"]
        writer = Writer(client)
        writer.start()
        assert writer.some.wait(60)
        least = writer.acknowledged
        about = said(run("backup", backup, "--store", f"sqlite:///{store}", "--json"))
        most = writer.acknowledged + 1
        on_live = run("restore", backup, "--replace", "--store", f"sqlite:///{store}")
        writer.stop()
        written = client.get(CHAT).json()["entry_count"]
        yield {
            "backup": backup, "about": about, "least": least, "most": most, "tag": tag,
            "cursor": cursor, "on_live": on_live, "written": written, "all": writer.acknowledged,
        }  # fmt: skip


def test_a_restore_onto_a_live_store_is_refused_and_loses_nothing(lived):
    refused(lived["on_live"], "store_in_use")
    assert lived["written"] == lived["all"]


def test_what_was_acknowledged_before_a_backup_is_in_it_and_old_cursors_are_told(lived, tmp_path):
    restored = tmp_path / "store" / "test.db"
    url = f"sqlite:///{restored}"
    view = said(here("restore", lived["backup"], "--store", url, "--json"))
    assert view["ended_epoch"] == lived["about"]["epoch"] != view["epoch"]
    with serving(tmp_path) as server, server.client() as client:
        found = client.get(CHAT).json()["entry_count"]
        assert lived["least"] <= found <= lived["most"]
        entries = client.get(f"{CHAT}/entries", params={"limit": 1000}).json()["items"]
        assert [one["content"] for one in entries] == [f"{n + 1}" for n in range(len(entries))]
        gone = client.get("/v1/changes", params={"after": lived["cursor"]})
        assert (gone.status_code, gone.json()["code"]) == (410, "history_gone")
        again = client.get(CHAT, headers={"If-None-Match": lived["tag"]})
        assert again.status_code == 200
        assert again.headers["etag"].endswith(f'.{view["epoch"]}"')
    refused(here("restore", lived["backup"], "--store", url), "conflict")


def test_a_backup_that_is_not_whole_is_told_in_one_line(lived, tmp_path):
    cut = tmp_path / "cut.bak"
    cut.write_bytes(lived["backup"].read_bytes()[:50_000])
    refused(here("restore", "--check", cut), "backup_unusable")
    refused(here("restore", cut, "--store", f"sqlite:///{tmp_path}/s.db"), "backup_unusable")
    assert not (tmp_path / "s.db").exists()


def test_what_is_asked_wrongly_is_told(lived, tmp_path):
    store = f"sqlite:///{tmp_path}/none.db"
    refused(here("backup", tmp_path / "s.bak", "--store", store), "store_unavailable")
    refused(here("backup", lived["backup"], "--store", store), "store_unavailable")
    done = here("backup", tmp_path / "s.bak", "--store", "postgresql://one@127.0.0.1/x")
    assert (done.returncode, "pg_dump" in done.stderr) == (2, True)
    assert here("restore", "--check", "--replace", lived["backup"]).returncode == 2
    assert list(tmp_path.iterdir()) == []
