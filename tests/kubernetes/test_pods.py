"""What a pod is given really starts a node; what is missing stops it with one line."""

import contextlib
import itertools
import json
import re
import signal
import subprocess
import sys

import httpx
import pytest

import manifests
from serving import SECONDS, Server, until
from token_issuer import HOST, Issuer, bearer

# Where a test has what a pod has elsewhere; ports are free ones.
HERE = {
    "BACKSTORY_HOST": "127.0.0.1",
    "BACKSTORY_PORT": "0",
    "BACKSTORY_OPS_HOST": "127.0.0.1",
    "BACKSTORY_OPS_PORT": "0",
}
CONTAINERFILE = (manifests.ROOT / "deploy" / "image" / "Containerfile").read_text()
# What the image says for itself, which a manifest has to put aside.
IMAGE = dict(re.findall(r"^ +(BACKSTORY_\w+)=(\S+)", CONTAINERFILE, re.MULTILINE))
# Several processes begin here, each of which takes long where many others want the processor.
pytestmark = pytest.mark.timeout(300)
NUMBERS = itertools.count()
CONTEXT = "/v1/contexts/users.ada/chat"


class Pod(Server):
    """A node with the arguments and the environment of a manifest, and nothing else.

    It is in a folder that nobody can write to, as in a container whose root can only be read.
    """

    def __init__(self, folder, name, **more):
        resources = manifests.overlay(name)
        (workload, *_) = manifests.of_kind(resources, "Deployment")
        self.folder, self.log = folder, folder / "server.log"
        arguments = manifests.container(workload)["args"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "backstory", *arguments, "--json"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd="/proc",
                env=IMAGE | manifests.environment(workload, resources, folder) | HERE | more,
                start_new_session=True,
            )
        self.said = {}
        probes = {
            one: manifests.container(workload)[f"{one}Probe"]["httpGet"]["path"]
            for one in ("startup", "liveness", "readiness")
        }
        self.probes = probes

    def probed(self):
        return {
            name: httpx.get(self.said["ops"] + path, timeout=SECONDS).status_code
            for name, path in self.probes.items()
        }


@contextlib.contextmanager
def running(*arguments, **more):
    pod = Pod(*arguments, **more)
    try:
        yield pod
    finally:
        pod.close()


@pytest.fixture
def secrets(tmp_path, postgres, redis_server):
    """The Secret of a cluster, mounted; the database is empty."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    name = f"pods_{next(NUMBERS)}"
    where = ("-h", "127.0.0.1", "-p", str(postgres.port), "-U", "backstory")
    postgres.run("createdb", *where, name)
    (folder / "store").write_text(f"{postgres.url(name)}\n")
    (folder / "cache").write_text(f"redis://127.0.0.1:{redis_server.port}/4\n")
    (folder / "bus").write_text(f"redis://127.0.0.1:{redis_server.port}/5\n")
    yield folder
    postgres.run("dropdb", *where, "--force", name)


ALIVE = {"startup": 200, "liveness": 200, "readiness": 200}


def test_a_node_of_production_serves_callers_with_tokens_is_migrated_and_drains(tmp_path, secrets):
    issuer = Issuer("https://login.example.com/realms/acme")
    keys = issuer.write(tmp_path / "keys.json")
    with running(tmp_path, "production", BACKSTORY_AUTH_JWKS=keys) as pod:
        pod.wait_until_ready()
        until(lambda: pod.probed() == ALIVE, "the answer of each probe")
        for name in ("before-deploy", "after-deploy"):
            done = migrated(name, tmp_path)
            assert (done.returncode, done.stderr) == (0, "")
            assert json.loads(done.stdout)["applied"] == [], "the node made its store as it is now"
        with pod.client(headers=HOST) as client:
            assert client.get("/v1/whoami").status_code == 401
            client.headers.update(bearer(issuer.token()))
            made = client.put(CONTEXT, json={"kind": "conversation"})
            assert made.status_code == 201
            for host in ("backstory.backstory.svc:8765", "127.0.0.1:8766"):
                assert client.get(CONTEXT, headers={"host": host}).status_code == 200
            assert client.get(CONTEXT, headers={"host": "example.org"}).status_code == 421
            counted = httpx.get(pod.said["ops"] + "/metrics", timeout=SECONDS).text
            assert "backstory_requests_total" in counted
            pod.signal(signal.SIGTERM)
            until(lambda: pod.probed()["readiness"] == 503, "the drain")
            assert pod.probed()["liveness"] == 200
            assert client.get(CONTEXT).status_code == 200
        pod.signal(signal.SIGTERM)  # ends the drain
        assert pod.wait() == 0


@pytest.mark.parametrize("missing", ["store", "cache", "bus"])
def test_a_missing_secret_stops_a_node_with_one_line_that_names_it(tmp_path, missing):
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in {"store", "cache", "bus"} - {missing}:
        (folder / name).write_text(
            "redis://127.0.0.1:1/0" if name != "store" else "postgresql://a@127.0.0.1:1/b"
        )
    with running(tmp_path, "production") as pod:
        assert pod.wait() == 2
        (line,) = pod.errors().splitlines()
        assert f"BACKSTORY_{missing.upper()}_FILE names '{folder / missing}': No such file" in line


def test_an_embedded_node_keeps_its_file_on_the_volume_and_signs_people_in(tmp_path):
    (tmp_path / "store").mkdir()
    with running(tmp_path, "embedded") as pod:
        pod.wait_until_ready()
        until(lambda: pod.probed() == ALIVE, "the answer of each probe")
        with pod.client(headers=HOST) as client:
            assert client.get("/v1/whoami").status_code == 401
            told = client.get("/.well-known/oauth-authorization-server").json()
        assert told["issuer"] == "https://context.example.com"
        assert (tmp_path / "store" / "backstory.db").is_file()
        assert pod.stop() == 0
    done = migrated("embedded", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def migrated(name, folder):
    (job,) = manifests.workloads(manifests.job(name))
    return subprocess.run(
        [sys.executable, "-m", "backstory", *manifests.container(job)["args"]],
        cwd="/proc",
        env=IMAGE | manifests.environment(job, manifests.job(name), folder),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
