"""What the page on troubleshooting shows is what an operator sees and does, by symptom."""

import asyncio
import os
import subprocess
import sys
from contextlib import ExitStack, suppress

import apsw
import pytest

from pages import SHOWN_DATABASE
from postgres_server import free_port
from serving import Server, until
from tcp_proxy import Proxy
from troubleshooting import follow, holding, network_to, sections, serving

CHAT = "/v1/contexts/users.42/chat"
TOKENS = {
    "BACKSTORY_AUTH_ISSUER": "https://tokens.example.com",
    "BACKSTORY_AUTH_AUDIENCE": "https://context.example.com",
    "BACKSTORY_AUTH_JWKS": "file:.backstory/token-jwks.json",
    "BACKSTORY_ALLOWED_HOSTS": "127.0.0.1",
}


def local(folder, *arguments, **options):
    """A server with its store where the commands of the page look for it."""
    return Server(folder, *arguments, store=folder / ".backstory" / "backstory.db", **options)


@pytest.fixture
def locked(tmp_path):
    """Another program has the lock of the store's file."""
    with serving(local(tmp_path)) as scene:
        scene.client.put(CHAT, json={"kind": "conversation"})
        with holding(tmp_path / ".backstory" / "backstory.db.lock"):
            yield scene


@pytest.fixture
def damaged(tmp_path):
    """A chunk has other bytes than were written, and an entry is gone."""
    text = "".join(f"{number}\n" for number in range(30_000))
    (tmp_path / "handbook.txt").write_text(text, encoding="utf-8")
    with serving(local(tmp_path)) as scene:
        entries = [{"role": "user", "content": word} for word in ("one", "two", "three")]
        scene.client.put(CHAT, json={"kind": "conversation"})
        scene.client.post(CHAT + "/entries", json={"entries": entries})
        handbook = "/v1/contexts/team/handbook"
        scene.client.put(handbook, json={"kind": "document"})
        plain = {"Content-Type": "text/plain"}
        sent = scene.client.put(handbook + "/content", content=text, headers=plain)
        assert sent.status_code == 200
        file = apsw.Connection(str(tmp_path / ".backstory" / "backstory.db"))
        file.set_busy_timeout(30_000)
        file.execute(
            "UPDATE chunk_bodies SET body = zeroblob(length(body)) WHERE id = (SELECT min(id) FROM chunk_bodies);"
            "DELETE FROM entries WHERE id = (SELECT max(id) FROM entries)"
        )
        file.close()
        yield scene


@pytest.fixture
def tokens(tmp_path):
    """The server asks for tokens, and its keys are there; what an admin made, members do not see."""
    backstory(tmp_path, "token", "keys")
    with serving(local(tmp_path, env=TOKENS)) as scene:
        token = backstory(tmp_path, "token", "create", "--subject", "boss", "--role", "admin")
        made = scene.client.put(
            "/v1/contexts/teams.support/faq",
            json={"kind": "document"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert made.status_code == 201, made.text
        yield scene


def backstory(folder, *arguments):
    command = [sys.executable, "-m", "backstory", *arguments]
    environment = os.environ | TOKENS
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)
    return done.stdout.decode().strip()


@pytest.fixture
def changes(tmp_path):
    """A store with changes in a namespace and below it; the server can be stopped and started."""
    port = str(free_port())
    with serving(local(tmp_path, "--port", port)) as scene:
        for namespace in ("users.42", "users.42.work"):
            path = f"/v1/contexts/{namespace}/session"
            assert scene.client.put(path, json={"kind": "session"}).status_code == 201
        scene.happens = {
            "the server is stopped": scene.server.stop,
            "the server is started": lambda: scene.again(local(tmp_path, "--port", port)),
        }
        yield scene


@pytest.fixture
def full(tmp_path):
    """The store is on a small disk, on which somebody has left a large file; only root can make one."""
    disk = tmp_path / ".backstory"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        with serving(local(tmp_path)) as scene:
            scene.client.put(CHAT, json={"kind": "conversation"})
            with (disk / "old-copy.db").open("wb", buffering=0) as file, suppress(OSError):
                while file.write(bytes(2**16)):
                    pass
            yield scene
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.fixture
def distant(tmp_path, postgres):
    """A node, and the network between it and its PostgreSQL."""
    asyncio.run(postgres.do("CREATE DATABASE backstory TEMPLATE template"))
    with ExitStack() as stack:
        stack.callback(asyncio.run, postgres.do("DROP DATABASE backstory WITH (FORCE)"))
        proxy, do = stack.enter_context(network_to(postgres.port))
        address = f"127.0.0.1:{proxy.port}"
        store = f"postgresql://backstory@{address}/backstory"
        scene = stack.enter_context(serving(Server(tmp_path, "--insights", store=store)))
        scene.addresses[SHOWN_DATABASE] = address
        scene.happens = {
            "the network is whole": lambda: do(Proxy.mend),
            "the network is fast": lambda: do(Proxy.mend),
        }
        scene.client.put(CHAT, json={"kind": "conversation"})
        entry = {"role": "user", "content": "Hello"}
        scene.client.post(CHAT + "/entries", json={"entries": [entry]})
        assert scene.client.get(CHAT).headers["etag"] == '"2"'
        yield scene, do


@pytest.fixture
def cut(distant):
    """Nothing gets through any more."""
    scene, do = distant
    do(Proxy.cut)
    until(lambda: scene.client.get("/readyz").status_code == 503, "the node is not ready")
    return scene


@pytest.fixture
def slow(distant):
    """All takes its time."""
    scene, do = distant
    do(lambda proxy: proxy.delay(0.03))
    return scene


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.title)
def test_a_symptom_is_what_the_page_says_and_goes_as_it_says(section, request, tmp_path):
    follow(section, request.getfixturevalue(section.scene), tmp_path)
