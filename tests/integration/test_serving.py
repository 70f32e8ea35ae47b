"""Starting and stopping the server."""

import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys

import pytest

from serving import failing, serving


def run(folder, *arguments, **env):
    return subprocess.run(
        [sys.executable, "-m", "backstory", *arguments],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_makes_its_store_and_says_where_it_is(tmp_path):
    with serving(tmp_path) as server:
        said = server.said
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", said["url"])
        assert said["mcp"] == f"{said['url']}/mcp"
        assert said["docs"] == f"{said['url']}/docs"
        assert said["add"] == f"claude mcp add --transport http backstory {said['mcp']}"
        assert stat.S_IMODE(server.store.stat().st_mode) == 0o600
        assert stat.S_IMODE(server.store.parent.stat().st_mode) == 0o700
        with server.client() as http:
            assert http.get("/readyz").status_code == 200


def test_people_are_told_in_words(tmp_path):
    command = [sys.executable, "-m", "backstory", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(4)]
        process.terminate()
        assert process.wait(60) == 0
    assert "/mcp" in lines[1]
    assert "/docs" in lines[2]
    assert "claude mcp add" in lines[3]
    assert (tmp_path / ".backstory" / "backstory.db").exists()


@pytest.mark.parametrize(
    ("number", "workers"), [(signal.SIGTERM, "1"), (signal.SIGINT, "1"), (signal.SIGTERM, "2")]
)
def test_it_stops_when_told_to(tmp_path, number, workers):
    with serving(tmp_path, "--workers", workers) as server:
        with server.client() as http:
            http.put("/v1/contexts/a/b", json={"kind": "session"})
        server.signal(number)
        assert server.wait() == 0
        assert "Traceback" not in server.errors()
    with serving(tmp_path) as server, server.client() as http:
        assert http.get("/v1/contexts/a/b").status_code == 200


def test_a_second_signal_stops_it_at_once(tmp_path):
    with serving(tmp_path) as server:
        host, port = server.address
        with socket.create_connection((host, port)) as held:
            held.sendall(
                b"PUT /v1/contexts/a/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
            )
            server.signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(0.5)  # it waits for the rest of the request
            server.signal(signal.SIGTERM)
            assert server.wait() != 0


def test_a_port_in_use_is_told_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, "serve", "--port", str(port))
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(
        rf"error: cannot listen on 127\.0\.0\.1 port {port}.*--port.*\n", done.stderr
    )


def test_others_are_not_served_without_authentication(tmp_path):
    done = run(tmp_path, "serve", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--host" in done.stderr
    assert not (tmp_path / ".backstory").exists()


def corrupt(path):
    path.write_bytes(b"this is no database at all, whatever its name says" * 100)


def foreign(path):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t (x)")


def newer(path):
    with serving(path.parent, store=path):
        pass
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("spoil", "code", "workers"),
    [
        (corrupt, "store_corrupt", "1"),
        (foreign, "store_corrupt", "1"),
        (newer, "schema_version", "1"),
        (corrupt, "store_corrupt", "2"),
    ],
)
def test_a_store_that_cannot_be_used_stops_the_start(tmp_path, spoil, code, workers):
    path = tmp_path / "spoilt.db"
    spoil(path)
    before = path.read_bytes()
    with failing(tmp_path, "--workers", workers, store=path) as server:
        server.log.write_text("")
        assert server.wait() == 1
        errors = [line for line in server.errors().splitlines() if line.startswith("error: ")]
    assert code in errors[0]
    assert "Traceback" not in server.errors()
    assert len(errors) == 1
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_stops_the_start(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = run(tmp_path, "serve", "--port", "0", "--store", "sqlite:///file/x.db")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_the_local_token_is_made_for_its_owner_alone(tmp_path):
    with serving(tmp_path, "--local-token") as server:
        path = server.store.parent / "local-token"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        token = path.read_text().strip()
        assert str(path) in server.said["add"]
        with server.client() as http:
            assert http.get("/v1/whoami").status_code == 401
            assert http.post("/mcp", json={}).status_code == 401
            assert http.get("/readyz").status_code == 200
            http.headers["authorization"] = f"Bearer {token}"
            assert http.get("/v1/whoami").status_code == 200
        assert token not in server.errors()
    with serving(tmp_path, "--local-token", "--workers", "2") as server, server.client() as http:
        http.headers["authorization"] = f"Bearer {token}"
        assert http.get("/v1/whoami").status_code == 200


def test_a_token_file_that_others_may_read_stops_the_start(tmp_path):
    (tmp_path / ".backstory").mkdir()
    path = tmp_path / ".backstory" / "local-token"
    path.write_text("t" * 43)
    path.chmod(0o644)
    done = run(tmp_path, "serve", "--port", "0", "--local-token")
    assert done.returncode == 2
    assert "chmod 600" in done.stderr


def test_log_lines_can_be_json_and_standard_output_stays_clean(tmp_path):
    with serving(tmp_path, "--log-format", "json") as server:
        server.stop()
        lines = [json.loads(line) for line in server.errors().splitlines()]
        assert {"at", "level", "logger", "message"} <= set(lines[0])
        assert server.process.stdout.read() == b""


def test_doctor_and_migrate_work_beside_a_server(tmp_path):
    with serving(tmp_path) as server:
        store = ("--store", f"sqlite:///{server.store}")
        doctor = run(tmp_path, "doctor", *store, "--json")
        assert doctor.returncode == 0, doctor.stderr
        assert {found["status"] for found in json.loads(doctor.stdout)["findings"]} == {"ok"}
        migrate = run(tmp_path, "migrate", *store, "--json")
        assert json.loads(migrate.stdout)["applied"] == []
        with server.client() as http:
            assert http.put("/v1/contexts/a/b", json={"kind": "session"}).status_code == 201
