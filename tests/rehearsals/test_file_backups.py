"""A store in a file is backed up under load, lost, and had back: whole, and with all that was acknowledged before."""

import json
import os
import subprocess
import sys
import threading

import pytest

from serving import serving

CONVERSATIONS = 4
CHAT = "/v1/contexts/load/{}"


class Load:
    """Writers that go on until they are stopped; what each was told is durable."""

    def __init__(self, server):
        self.acknowledged = [0] * CONVERSATIONS
        self._server, self._ended = server, False
        self._grown = threading.Condition()
        self._threads = [
            threading.Thread(target=self._write, args=(number,), daemon=True)
            for number in range(CONVERSATIONS)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended = True
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _write(self, number):
        with self._server.client() as client:
            client.put(CHAT.format(number), json={"kind": "conversation"}).raise_for_status()
            while not self._ended:
                said = f"{self.acknowledged[number] + 1} " + "words " * 200
                entries = {"entries": [{"role": "user", "content": said}]}
                path = CHAT.format(number) + "/entries"
                client.post(path, json=entries).raise_for_status()
                with self._grown:
                    self.acknowledged[number] += 1
                    self._grown.notify_all()

    def more(self, count):
        """Wait until each has written so many more."""
        wanted = [one + count for one in self.acknowledged]
        with self._grown:
            assert self._grown.wait_for(
                lambda: all(map(int.__ge__, self.acknowledged, wanted)), timeout=120
            )


def backstory(*arguments):
    command = [sys.executable, "-m", "backstory", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def folder(tmp_path):
    """With a store of about 40 MB, most of it content that cannot be compressed."""
    with serving(tmp_path) as server, server.client() as client:
        for number in range(10):
            path = f"/v1/contexts/docs/{number}"
            client.put(path, json={"kind": "document"}).raise_for_status()
            content = os.urandom(4 * 2**20)
            headers = {"content-type": "application/octet-stream"}
            client.put(f"{path}/content", content=content, headers=headers).raise_for_status()
        server.stop()
    return tmp_path


def test_a_store_is_lost_and_had_back(folder):
    store, backup = folder / "store" / "test.db", folder / "s.bak"
    url = f"sqlite:///{store}"
    with serving(folder) as server:
        with Load(server) as load:
            load.more(5)
            least = list(load.acknowledged)
            about = backstory("backup", backup, "--store", url)
            most = [one + 1 for one in load.acknowledged]
            load.more(5)
        server.kill()
    assert about["bytes"] > 40 * 2**20
    with store.open("r+b") as file:  # the disk has lost a part of it
        file.truncate(store.stat().st_size // 2)
    view = backstory("restore", backup, "--store", url, "--replace")
    assert view["epoch"] != view["ended_epoch"] == about["epoch"]
    assert backstory("scrub", "--store", url)["ok"]
    is_there(folder, least, most)


def is_there(folder, least, most):
    with serving(folder) as server, server.client() as client:
        for number in range(CONVERSATIONS):
            path = CHAT.format(number)
            count = client.get(path).json()["entry_count"]
            assert least[number] <= count <= most[number]
            page = client.get(f"{path}/entries", params={"limit": 1000}).json()["items"]
            assert [int(one["content"].split()[0]) for one in page] == list(range(1, len(page) + 1))
        for number in range(10):
            got = client.get(f"/v1/contexts/docs/{number}/content")
            assert (got.status_code, len(got.content)) == (200, 4 * 2**20)


TOKENS = {
    "BACKSTORY_AUTH_ISSUER": "https://tokens.example.com",
    "BACKSTORY_AUTH_AUDIENCE": "https://context.example.com",
    "BACKSTORY_AUTH_JWKS": "file:.backstory/token-jwks.json",
    "BACKSTORY_ALLOWED_HOSTS": "127.0.0.1",
}


def test_a_token_that_was_revoked_after_the_backup_is_refused_after_its_restore(tmp_path):
    store = ("--store", f"sqlite:///{tmp_path}/store/test.db")

    def backstory(*arguments):
        command = [sys.executable, "-m", "backstory", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, env=os.environ | TOKENS
        )
        return done.stdout.decode().strip()

    def whoami(server, token):
        with server.client() as client:
            shown = {"Authorization": f"Bearer {token}"}
            return client.get("/v1/whoami", headers=shown).status_code

    backstory("token", "keys")
    good, stolen = (backstory("token", "create", "--subject", who) for who in ("ann", "bob"))
    with serving(tmp_path, env=TOKENS) as server:
        assert [whoami(server, token) for token in (good, stolen)] == [200, 200]
        backstory("backup", "s.bak", *store)
        backstory("token", "revoke", stolen, *store)
        assert server.stop() == 0
    backstory("restore", "s.bak", "--replace", *store)
    with serving(tmp_path, env=TOKENS) as server:
        assert [whoami(server, token) for token in (good, stolen)] == [200, 401]
