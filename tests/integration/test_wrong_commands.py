"""Whatever is typed wrong, missing or not there is one line that says what to do next."""

import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from backstory.cli import main
from importing import Shelf
from serving import SECONDS

HERE = "http://127.0.0.1:9"  # where nothing listens


def backstory(*arguments, code):
    """What the command says on standard error: one line, and no error that is not ours."""
    typed = [str(each) for each in arguments]
    done = CliRunner().invoke(main, typed, catch_exceptions=False, prog_name="backstory")
    return one_line(done.stderr, done.exit_code, code)


def one_line(said, code, expected):
    assert code == expected, said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said


def in_a_process(*arguments, **streams):
    command = [sys.executable, "-m", "backstory", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **streams)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the commands are typed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chat.json").write_text('{"messages": [{"role": "user", "content": "hi"}]}')
    (tmp_path / "stranger.db").write_bytes(b"no database" * 2000)
    (tmp_path / "token").write_text("é")
    (tmp_path / "folder").mkdir()
    return tmp_path


USAGE = [
    (["sevre"], "`backstory --help`"),
    (["--nope"], "`backstory --help`"),
    (["serve", "--bogus"], "`backstory serve --help`"),
    (["import"], "openai-responses"),
    (["import", "openai"], "FILE..."),
    (["import", "slack", "chat.json"], "'slack' is not one of 'openai'"),
    (["import", "openai", "nowhere.json"], "'nowhere.json' does not exist"),
    (["import", "openai", "folder"], "is a directory"),
    (["import", "openai", "chat.json", "--namespace", "A B"], "such as users.42"),
    (["export", "--context", "nowhere"], "namespace/name"),
    (["export", "--context", "a/b", "--namespace", "a"], "exclude each other"),
    (["content", "frob"], "`backstory content --help`"),
    (["content", "put"], "`backstory content put --help`"),
    (["content", "put", "a/b", "nowhere"], "'nowhere' does not exist"),
    (["content", "get", "a/b"], "FILE"),
    (["content", "get", "a/b", "-", "--at", "x"], "'--at'"),
    (["kinds", "put", "ticket"], "FILE"),
    (["kinds", "put", "ticket", "nowhere"], "'nowhere' does not exist"),
    (["kinds", "migrate", "--url", HERE], "--url"),
]
SETTINGS = [
    (["export", "--store", "mysql://x"], "must be sqlite:///FILE"),
    (["kinds", "list", "--config", "nowhere.toml"], "nowhere.toml"),
    (["kinds", "list", "--url", "nonsense"], "must be one such as http://"),
    (["kinds", "list", "--url", "http://[::1"], "must be one such as http://"),
    (["kinds", "list", "--url", "http://me:secret@host:99999"], "not http://host:99999"),
    (["kinds", "list", "--url", HERE, "--token-file", "nowhere"], "nowhere cannot be read"),
    (["kinds", "list", "--url", HERE, "--token-file", "token"], "holds no token"),
    (["content", "put", "a/b", "chat.json", "--url", "ftp://x"], "must be one such as http://"),
]
FAILURES = [
    (["export"], "there is no store at"),
    (["export", "--store", "sqlite:///stranger.db"], "stranger.db: the file is no database"),
    (["import", "openai", "chat.json", "--store", "sqlite:///stranger.db"], "stranger.db: "),
    (["import", "openai", "chat.json", "--store", "sqlite:///folder"], "is a folder; name a file"),
    (["migrate"], "there is no store at"),
    (["migrate", "--store", "sqlite:///stranger.db"], "stranger.db: the file is no database"),
    (["kinds", "list", "--store", "sqlite:///stranger.db"], "stranger.db: the file is no database"),
    (["kinds", "put", "ticket", "stranger.db", "--url", HERE], "stranger.db: not JSON"),
    (["kinds", "put", "ticket", "chat.json"], "/messages: no such member"),
    (["kinds", "list", "--url", HERE], "`backstory serve` starts one, --url names another"),
    (["kinds", "list", "--url", "http://me:secret@127.0.0.1:9"], "at http://127.0.0.1:9"),
    (["content", "put", "a/b", "chat.json", "--url", HERE], "`backstory serve` starts one"),
    (["content", "get", "a/b", "x", "--url", HERE], "`backstory serve` starts one"),
    (["content", "sync", "a/b", "chat.json", "--url", HERE], "`backstory serve` starts one"),
    (
        ["content", "edit", "a/b", "--offset", "0", "--insert", "x", "--url", HERE],
        "backstory serve",
    ),
]


@pytest.mark.parametrize(
    ("arguments", "reason", "code"),
    [(*each, 2) for each in USAGE + SETTINGS] + [(*each, 1) for each in FAILURES],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_one_line_says_what_is_wrong_and_what_to_do(folder, arguments, reason, code):
    said = backstory(*arguments, code=code)
    assert reason in said
    assert "secret" not in said
    assert not (folder / ".backstory" / "backstory.db").exists() or "chat.json" in arguments


class Stranger(http.server.BaseHTTPRequestHandler):
    """A server that is none of ours and answers everything with a page."""

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(self.server.status)
        self.send_header("content-length", "4")
        self.end_headers()
        self.wfile.write(b"<hi>")

    do_GET = do_PUT = do_PATCH = do_POST = answer  # noqa: N815 (the library's names)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("status", [200, 404, 502])
def test_a_server_of_somebody_else_is_told_from_ours(folder, status):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        server.status = status
        threading.Thread(target=server.serve_forever, daemon=True).start()
        where = ["--url", f"http://127.0.0.1:{server.server_port}"]
        for arguments in (
            ["kinds", "list"],
            ["kinds", "put", "ticket", "chat.json"],
            ["content", "put", "a/b", "chat.json"],
            ["content", "get", "a/b", "x"],
            ["content", "sync", "a/b", "chat.json"],
            ["content", "edit", "a/b", "--offset", "0", "--delete", "1"],
        ):
            said = backstory(*arguments, *where, code=1)
            assert f"(status {status}) is no server of Backstory; --url names another" in said
        server.shutdown()
    assert not (folder / "x").exists()


def test_output_that_cannot_be_written_is_told(folder):
    shelf = Shelf(folder)
    shelf.bring("openai", folder / "chat.json")
    said = backstory("export", "-o", "chat.json/x", shelf.flag, code=1)
    assert said == "error: chat.json/x cannot be written: Not a directory (invalid)\n"
    with (
        Path("/dev/full").open("wb") as full,
        in_a_process("export", shelf.flag, stdout=full) as export,
    ):
        said = one_line(export.communicate(timeout=SECONDS)[1], export.returncode, 1)
    assert said.startswith("error: standard output cannot be written: No space left")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_ends_an_export_without_a_word(folder, unbuffered):
    shelf = Shelf(folder)
    long = {"messages": [{"role": "user", "content": "x" * 900_000}]}
    shelf.bring("openai", shelf.file("long.jsonl", long))
    environ = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    pipe = subprocess.PIPE
    with in_a_process("export", shelf.flag, stdout=pipe, env=environ) as export:
        export.stdout.read(1)
        export.stdout.close()
        assert export.stderr.read() == ""
        assert export.wait(SECONDS) == 1
