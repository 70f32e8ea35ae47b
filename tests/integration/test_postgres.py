"""All commands work on a PostgreSQL store as they do on a file."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from backstory.cli import main
from serving import Server, failing, serving, until

CHAT = "/v1/contexts/users.42/chat"


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def doctor(url):
    done = run("doctor", "--store", url, "--json")
    return {one["name"]: one for one in json.loads(done.stdout)["findings"]}, done.exit_code


@pytest.fixture
def empty_url(postgres, anyio_backend):
    """The URL of a database in which nothing is."""
    postgres.run("createdb", "-h", "127.0.0.1", "-p", str(postgres.port), "-U", "backstory", "e")
    yield postgres.url("e")
    postgres.run(
        "dropdb", "--force", "-h", "127.0.0.1", "-p", str(postgres.port), "-U", "backstory", "e"
    )


def test_two_nodes_make_the_tables_at_once_and_see_the_same(empty_url, tmp_path):
    nodes = [Server(tmp_path, store=empty_url) for _ in range(2)]
    try:
        one, other = (node.wait_until_ready() for node in nodes)
        with one.client() as here, other.client() as there:
            assert here.put(CHAT, json={"kind": "conversation"}).status_code == 201
            entry = {"role": "user", "content": "green tea"}
            assert there.post(CHAT + "/entries", json={"entries": [entry]}).status_code == 200
            assert here.get(CHAT).json()["entry_count"] == 1
            assert len(there.post("/v1/search", json={"query": "tea"}).json()["items"]) == 1
    finally:
        for node in nodes:
            node.close()


def test_a_change_on_one_node_wakes_who_waits_on_another(empty_url, tmp_path):
    with (
        serving(tmp_path, store=empty_url) as one,
        serving(tmp_path, store=empty_url) as other,
        one.client() as here,
        other.client() as there,
        ThreadPoolExecutor() as waiting,
    ):
        here.put(CHAT, json={"kind": "conversation"})
        page = there.get("/v1/changes", params={"after": "now"}).json()
        asked = {"after": page["next"], "wait": 30}
        waiter = waiting.submit(there.get, "/v1/changes", params=asked)
        entry = {"role": "user", "content": "hello"}
        here.post(CHAT + "/entries", json={"entries": [entry]})
        changes = waiter.result().json()["items"]
        assert [change["version"] for change in changes] == [2]


def test_a_redaction_on_one_node_reaches_what_another_summarised(empty_url, tmp_path):
    rules = {"rules": [{"kind": "session", "entries": 5, "keep": 2, "length": 64}]}
    env = {"BACKSTORY_SUMMARISER": json.dumps(rules)}
    with (
        serving(tmp_path, store=empty_url, env=env) as one,
        serving(tmp_path, store=empty_url) as other,
        one.client() as here,
        other.client() as there,
    ):
        here.put(CHAT, json={"kind": "session"})
        said = [{"role": "user", "content": f"Number {n} is {n * 7919}."} for n in range(8)]
        here.post(CHAT + "/entries", json={"entries": said})

        def summaries():
            items = there.get(CHAT + "/entries").json()["items"]
            return [item for item in items if item["type"] == "summary"]

        until(summaries, "a summary")
        assert summaries()[0]["metadata"]["covers"] == [1, 6]
        assert there.delete(CHAT + "/entries/2").status_code == 204
        assert summaries() == []
        assert here.get(CHAT + "/entries").json()["items"][-1]["type"] == "redacted"


def test_content_and_kinds_move_from_a_file_to_a_database(empty_url, tmp_path):
    file, moved = f"sqlite:///{tmp_path / 'file.db'}", tmp_path / "all.jsonl"
    kind = tmp_path / "kind.json"
    kind.write_text(json.dumps({"schema": {"required": ["n"]}}))
    data = b"A text of some length. " * 20_000
    with serving(tmp_path, store=file) as server, server.client() as client:
        client.put("/v1/contexts/team/book", json={"kind": "document"})
        sent = client.put(
            "/v1/contexts/team/book/content", content=data, headers={"content-type": "text/plain"}
        )
        assert sent.status_code == 200, sent.text
    for wanted in (
        ("export", "--store", file, "--output", moved),
        ("import", "jsonl", moved, "--store", empty_url),
        ("kinds", "put", "note", kind, "--store", empty_url),
    ):
        done = run(*wanted)
        assert done.exit_code == 0, done.output
    with serving(tmp_path, store=empty_url) as server, server.client() as client:
        assert client.get("/v1/contexts/team/book/content").content == data
        refused = client.put("/v1/contexts/team/note", json={"kind": "note", "state": {}})
        assert refused.json()["code"] == "schema_violation"


def test_conversations_are_imported_exported_and_looked_after(empty_url, tmp_path):
    source = tmp_path / "chats.jsonl"
    line = {"context": "team/chat", "role": "user", "content": "hello", "id": "m1"}
    source.write_text(json.dumps(line) + "\n")
    assert run("migrate", "--store", empty_url).exit_code == 1  # it makes no store
    for count in (1, 0):
        done = run("import", "jsonl", source, "--store", empty_url, "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["entries"]["new"] == count
    done = run("export", "--store", empty_url, "--output", tmp_path / "out.jsonl")
    assert done.exit_code == 0, done.output
    assert "hello" in (tmp_path / "out.jsonl").read_text()
    done = run("migrate", "--store", empty_url)
    assert "is up to date (schema version " in done.stdout
    found, code = doctor(empty_url)
    assert code == 0
    assert found["schema"]["status"] == found["durability"]["status"] == "ok"
    assert found["standby"]["status"] == "warning"
    assert found["network.store"]["status"] == found["clock"]["status"] == "ok"


def test_workers_share_a_database(empty_url, tmp_path):
    with serving(tmp_path, "--workers", "2", store=empty_url) as server, server.client() as client:
        client.put(CHAT, json={"kind": "conversation"})
        for number in range(20):
            entry = {"role": "user", "content": str(number)}
            answer = client.post(
                CHAT + "/entries", json={"entries": [entry]}, headers={"connection": "close"}
            )
            assert answer.json()["seqs"] == [number + 1]


def test_another_schema_version_stops_the_start_and_names_migrate(empty_url, tmp_path, postgres):
    with serving(tmp_path, store=empty_url):
        pass
    spoil(postgres, "UPDATE backstory SET schema_version = 0")
    with failing(tmp_path, store=empty_url) as server:
        assert server.wait() == 1
        assert "run `backstory migrate`" in server.errors()
    found, code = doctor(empty_url)
    assert (code, found["schema"]["next"]) == (1, "run `backstory migrate`")


def test_a_server_that_does_not_wait_for_its_disk_is_refused(empty_url, tmp_path, postgres):
    spoil(postgres, "ALTER DATABASE e SET synchronous_commit = off")
    with failing(tmp_path, store=empty_url) as server:
        assert server.wait() == 1
        assert "synchronous_commit" in server.errors()
    found, code = doctor(empty_url)
    assert (code, found["durability"]["status"]) == (1, "failed")


def test_a_database_of_somebody_else_is_left_alone(empty_url, tmp_path, postgres):
    spoil(postgres, "CREATE TABLE theirs (id int)")
    with failing(tmp_path, store=empty_url) as server:
        assert server.wait() == 1
        assert "none of Backstory's" in server.errors()


def test_no_password_is_shown(tmp_path):
    with failing(tmp_path, store="postgresql://me:sesame@127.0.0.1:1/x") as server:
        assert server.wait() == 1
        assert "cannot be reached" in server.errors()
        assert "sesame" not in server.errors()
    done = run("config", "--store", "postgresql://me:sesame@127.0.0.1:1/x")
    assert "sesame" not in done.output


def spoil(postgres, sql):
    where = ("-h", "127.0.0.1", "-p", str(postgres.port), "-U", "backstory", "-d", "e")
    postgres.run("psql", *where, "-qc", sql)
