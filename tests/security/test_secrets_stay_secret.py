"""No secret that a server is told comes out of it again: a canary in each, and all outputs searched."""

import base64
import os
import subprocess
import sys

import pytest

from collecting import collecting
from server_process import redis
from serving import serving

CONTEXT = "/v1/contexts/users.1/chat"


def canary(name):
    """In the alphabet that masters, keys and passwords may have."""
    return f"c4n4ry{name}".ljust(32, "x")


@pytest.fixture
def database(postgres):
    """The URL of an empty database, with a password that the server does not look at."""
    at = ("-h", "127.0.0.1", "-p", str(postgres.port), "-U", "backstory")
    postgres.run("createdb", *at, "canaries")
    yield postgres.url("canaries").replace("backstory@", f"backstory:{canary('store')}@")
    postgres.run("dropdb", "--force", *at, "canaries")


@pytest.fixture
def secrets(tmp_path, database):
    """A mounted folder with all settings that may hold a secret."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    master = tmp_path / "master.key"
    master.write_text(base64.b64encode(canary("master").encode()).decode())
    with redis(requirepass="another") as server:
        if server is None:
            pytest.skip("Redis is not installed: `apt-get install redis-server`")
        for name, value in {
            "cache": f"redis://:{canary('cache')}@127.0.0.1:{server.port}/0",
            "bus": f"redis://me:{canary('bus')}@127.0.0.1:{server.port}/0",
            "keys": database.replace(canary("store"), canary("keys")),
            "replica": database.replace(canary("store"), canary("replica")),
            "summariser_key": canary("summariser"),
            "auth_client_secret": canary("client"),
            "master_key": f"file:{master}",
        }.items():
            (folder / name).write_text(value + "\n")
        (tmp_path / "store").write_text(database)
        yield {"BACKSTORY_SECRETS": str(folder), "BACKSTORY_LOG_LEVEL": "debug"}


def run(folder, environment, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "backstory", *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def used(server):
    """What the server answers when it is used, badly too."""
    with server.client() as http:
        put = {"kind": "conversation", "state": {"text": "tea"}}
        asked = [
            http.put(CONTEXT, json=put),
            http.post(f"{CONTEXT}/entries", json={"entries": [{"role": "user", "content": "a"}]}),
            http.get(CONTEXT, params={"entries": 5}),
            http.get(CONTEXT, params={"at": 99}),
            http.post("/v1/search", json={"query": "tea"}),
            http.post(f"{CONTEXT}/summary", json={}),
            http.put(CONTEXT, content=b"{"),
            http.delete("/v1/subjects/users.1"),
        ]
        pages = ("/metrics", "/healthz", "/readyz", "/v1/whoami", "/openapi.json", "/v1/none")
        asked += [http.get(page) for page in pages]
    return b"".join(bytes(str(one.headers), "utf-8") + one.content for one in asked)


@pytest.mark.slow
def test_no_output_of_a_server_or_command_holds_a_secret(tmp_path, database, secrets):
    with (
        collecting() as (collector, variables),
        serving(tmp_path, store=database, env=secrets | variables) as server,
    ):
        said = used(server)
        assert server.stop() == 0
        said += str(server.said).encode() + server.log.read_bytes() + b"".join(collector.bodies)
    assert b"WRONGPASS" in said or b"cache" in server.log.read_bytes()  # it told of the cache
    assert collector.spans
    told = secrets | {"BACKSTORY_STORE_FILE": str(tmp_path / "store")}
    commands = (
        ("config",),
        ("config", "--json"),
        ("doctor", "--json"),
        ("export",),
        ("serve", "--port", "nonsense"),
    )
    outputs = {words: run(tmp_path, told, *words) for words in commands}
    assert b"canaries" in outputs["config",]
    for words, output in {**outputs, ("serve",): said}.items():
        assert output, words
        lines = [line for line in output.splitlines() if b"c4n4ry" in line]
        assert lines == [], words
    hidden = base64.b64encode(canary("master").encode())
    assert not any(hidden in output for output in (*outputs.values(), said))


@pytest.mark.parametrize(
    "store", ["postgresql://u:{}@127.0.0.1:1/x", "postgresql://u@h/x?password={}"]
)
def test_a_store_that_cannot_be_reached_does_not_tell_its_password(tmp_path, store):
    secret = tmp_path / "store"
    secret.write_text(store.format(canary("store")))
    told = {"BACKSTORY_STORE_FILE": str(secret)}
    for words in (("export",), ("serve", "--port", "0")):
        output = run(tmp_path, told, *words)
        assert output
        assert b"c4n4ry" not in output
