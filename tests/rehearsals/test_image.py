"""The container image: built from nothing, looked at, started as a runtime would, and stopped."""

import asyncio
import json
import os
import re
import signal
import stat
import subprocess
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from mcp import Client

import composed
import images
from containers import Container
from drills.drill import backstory
from postgres_server import PLAIN, free_port
from serving import SECONDS, children_of, runs, until

pytestmark = pytest.mark.timeout(1500)  # all of a build counts for whoever asks for it first
MEGABYTES = 150
UNPACKED_MEGABYTES = 220  # 105 of which are native code, and 50 bytecode


@pytest.fixture(scope="module")
def built():
    """The workshop and the image in it; all is skipped where none can be built."""
    try:
        there = images.workshop()
        image = there.build()
    except images.UnavailableError as error:
        pytest.skip(f"no image can be built on this machine: {error}")
    yield there, image
    there("buildah", "rmi", "--prune")  # those of earlier rehearsals


@pytest.fixture(scope="module")
def root(built):
    there, image = built
    with there.unpacked(image) as folder:
        yield folder


@pytest.fixture(scope="module")
def config(built):
    there, image = built
    return there.config(image)


@pytest.fixture
def container(root, config, tmp_path):
    one = Container(root, config, tmp_path)
    yield one
    one.close()


async def read_by_mcp(url, address):
    async with Client(f"{url}/mcp") as client:
        assert await client.list_tools()
        return (await client.read_resource(address)).contents[0].text


def test_what_was_acknowledged_is_there_after_a_stop_and_a_start(container, capsys):
    container.start()
    entries = {"entries": [{"role": "user", "content": "kept"}]}
    with httpx.Client(base_url=container.url, timeout=SECONDS) as http:
        http.put("/v1/contexts/users.ada/talk", json={"kind": "conversation"}).raise_for_status()
        http.post("/v1/contexts/users.ada/talk/entries", json=entries).raise_for_status()
        http.get("/docs").raise_for_status()
    read = asyncio.run(read_by_mcp(container.url, "context://users.ada/talk"))
    assert json.loads(read)["version"] == 2, read

    assert container.check() == (0, f"{container.url}/readyz: ok\n")
    assert container.stop() == 0
    code, said = container.check()
    assert (code, "store_unavailable" in said) == (1, True)

    container.start()
    with httpx.Client(base_url=container.url, timeout=SECONDS) as http:
        again = http.get("/v1/contexts/users.ada/talk?entries=1")
    assert "kept" in again.text
    assert container.stop() == 0
    images.show(capsys, f"ready after {container.seconds_to_ready:.1f} s")


def test_only_the_data_folder_and_tmp_are_written_and_by_nobody_special(container, config):
    container.start()
    user = int(config["User"].split(":")[0])
    assert user == 10001
    process = Path("/proc") / str(container.pid)
    lines = (process / "status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert set(status["Uid"].split()) == {str(user)}
    assert int(status["CapEff"], 16) == 0
    mounts = [line.split() for line in (process / "mountinfo").read_text().splitlines()]
    assert "ro" in next(one[5] for one in mounts if one[4] == "/").split(",")
    assert {file.stat().st_uid for file in container.data.iterdir()} == {user}
    assert container.stop() == 0


def test_its_first_process_hands_signals_on_and_buries_whoever_was_left_behind(container):
    container.start("--workers", "2")
    until(lambda: f"{container.url}/mcp" in container.log.read_text(), "that all workers serve")
    supervisor = container.pid
    workers = [pid for pid in children_of(supervisor) if "spawn_main" in words(pid)]
    assert len(workers) == 2
    # A process whose parent ends at once, as a shell in the container would leave one.
    entered = ["nsenter", "--target", str(supervisor), "--pid"]
    subprocess.run(
        [*entered, "sh", "-c", "(sleep 0.1; exit 3) & exit 0"], check=True, timeout=SECONDS
    )
    os.kill(workers[0], signal.SIGKILL)

    def only_those_who_live():
        now = children_of(supervisor)
        alive = [pid for pid in now if runs(pid)]
        serving = [pid for pid in alive if "spawn_main" in words(pid) and pid != workers[0]]
        return now == alive and len(serving) == 2

    until(only_those_who_live, "that the dead are buried and a worker has taken the place")
    assert container.stop() == 0
    assert not any(runs(pid) for pid in workers)


def words(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_without_settings_it_says_what_is_missing_and_starts_nothing(container):
    container._settings = {}
    code, said = container.run("backstory", "serve")
    assert code == 2
    assert "BACKSTORY_DEFAULT_HOST" in said
    assert "(config_invalid)" in said
    assert list(container.data.iterdir()) == []


def test_a_store_among_the_secrets_counts_more_than_the_images_own(container, tmp_path):
    (container.data / "secrets").mkdir()
    (container.data / "secrets" / "store").write_text("sqlite:////tmp/told.db")
    container._settings |= {"BACKSTORY_SECRETS": "/var/lib/backstory/secrets"}
    code, said = container.run("backstory", "config", "--json")
    assert code == 0
    found = {each["name"]: each for each in json.loads(said)["settings"]}
    assert found["store"]["value"] == "sqlite:////tmp/told.db"
    assert found["log_format"]["origin"] == "BACKSTORY_DEFAULT_LOG_FORMAT"


def test_it_holds_python_and_what_is_locked_and_no_tool_for_an_intruder(root, built):
    programs = {path.name for path in (root / "usr" / "bin").iterdir()}
    assert programs == {"python3", "python3.11"}
    assert {path.name for path in (root / "opt/backstory/bin").iterdir()} == {
        "backstory",
        "python",
        "python3",
        "python3.11",
    }
    site = root / "opt/backstory/lib/python3.11/site-packages"
    assert not list(site.glob("pip*"))
    listed = json.loads((images.ROOT / "build" / "image" / "sbom.cdx.json").read_text())
    debian = {e["name"] for e in listed["components"] if e["purl"].startswith("pkg:deb/debian/")}
    assert {"libc6", "libssl3", "libpython3.11-stdlib"} <= debian
    assert debian == {path.name for path in (root / "var/lib/dpkg/status.d").iterdir()}
    python = {e["name"] for e in listed["components"] if e["purl"].startswith("pkg:pypi/")}
    here = {
        re.sub("[-_.]+", "-", path.name.split("-")[0]).lower() for path in site.glob("*.dist-info")
    }
    assert here - {"backstory"} <= python
    for path in root.rglob("*"):
        mode = path.lstat().st_mode
        assert not mode & (stat.S_ISUID | stat.S_ISGID), path
        assert stat.S_ISLNK(mode) or not mode & stat.S_IWOTH or path == root / "tmp", path


def test_nothing_in_it_depends_on_when_it_was_built(root):
    files = list(root.rglob("*"))
    assert len({path.lstat().st_mtime for path in files}) == 1
    compiled = [path.read_bytes()[4:8] for path in files if path.suffix == ".pyc"]
    assert len(compiled) > 1000
    # Found by the hash of its source, which is not looked at when it is loaded.
    assert set(compiled) == {(1).to_bytes(4, "little")}


def test_every_library_finds_what_it_is_linked_with(container, root):
    find = (
        "import ctypes, pathlib\n"
        "for one in sorted(pathlib.Path('/').glob('[uo]*/**/*.so*')):\n"
        "    try: ctypes.CDLL(str(one))\n"
        "    except OSError as error:\n"
        "        if 'cannot open shared object' in str(error): print(error)\n"
    )
    assert container.run("python", "-c", find) == (0, "")


def test_every_module_of_ours_finds_what_it_imports(container):
    load = (
        "import importlib, pkgutil, backstory\n"
        "for one in pkgutil.walk_packages(backstory.__path__, 'backstory.'):\n"
        "    if one.name.endswith('__main__') or '.testing' in one.name: continue\n"
        "    importlib.import_module(one.name)\n"
    )
    assert container.run("python", "-c", load) == (0, "")


def test_its_labels_say_what_it_is(config):
    labels = config["Labels"]
    prefix = "org.opencontainers.image."
    assert {name.removeprefix(prefix) for name in labels if name.startswith(prefix)} >= {
        "title",
        "description",
        "licenses",
        "version",
        "revision",
        "created",
    }
    assert all(labels.values())
    assert config["ExposedPorts"] == {"8765/tcp": {}}
    assert config["Volumes"] == {"/var/lib/backstory": {}}


def test_a_host_fetches_less_than_its_bound(built, tmp_path, capsys):
    there, image = built
    fetched = there.pushed_bytes(image, tmp_path / "pushed") / 1e6
    images.show(capsys, f"{fetched:.0f} MB")
    assert fetched < MEGABYTES


def test_it_takes_no_more_of_a_disk_than_it_should(root, capsys):
    files = [path.lstat() for path in root.rglob("*")]
    unpacked = sum(each.st_size for each in files if stat.S_ISREG(each.st_mode)) / 1e6
    images.show(capsys, f"{unpacked:.0f} MB unpacked")
    assert unpacked < UNPACKED_MEGABYTES


AUTH = {
    "BACKSTORY_AUTH_ISSUER": "https://tokens.example.com",
    "BACKSTORY_AUTH_AUDIENCE": "https://context.example.com",
}


@pytest.fixture
def podman(built):
    try:
        return composed.Podman(*built)
    except images.UnavailableError as error:
        pytest.skip(f"podman runs no container on this machine: {error}")


@pytest.fixture
def database(postgres):
    asyncio.run(postgres.do(f"CREATE DATABASE composed TEMPLATE template OWNER {PLAIN}"))
    yield postgres.url("composed", PLAIN)
    asyncio.run(postgres.do("DROP DATABASE composed WITH (FORCE)"))


@pytest.fixture
def secrets(tmp_path, database, redis_server):
    """The files that the Compose file names, for the services of this machine."""
    folder = tmp_path / "secrets.d"
    folder.mkdir()
    url = f"redis://127.0.0.1:{redis_server.port}"
    for name, text in (("store", database), ("cache", f"{url}/0"), ("bus", f"{url}/1")):
        (folder / name).write_text(text)
    backstory(tmp_path, "token", "keys", **AUTH)
    jwks = (tmp_path / ".backstory" / "token-jwks.json").read_text()
    (folder / "token-jwks.json").write_text(jwks)
    return folder


def test_nodes_run_by_podman_as_the_compose_file_says(podman, secrets, tmp_path):
    assert "up to date" in podman.run("migrate", secrets)
    token = backstory(tmp_path, "token", "create", "--subject", "ada", "--role", "admin", **AUTH)
    nodes = {}
    with ExitStack() as stack:
        for name in ("node1", "node2"):
            port, ops = free_port(), free_port()
            here = {
                "BACKSTORY_PORT": port,
                "BACKSTORY_OPS_PORT": ops,
                "BACKSTORY_HOST": "127.0.0.1",
            }
            here["BACKSTORY_OPS_HOST"] = "127.0.0.1"
            codes = stack.enter_context(podman.running(name, secrets, **here))
            nodes[name] = f"http://127.0.0.1:{port}", codes
        path, shown = "/v1/contexts/users.ada/note", {"Authorization": f"Bearer {token}"}
        shown["Host"] = "127.0.0.1:8080"  # as HAProxy hands it on
        with httpx.Client(headers=shown, timeout=SECONDS) as http:
            one, two = (url for url, _ in nodes.values())
            http.put(one + path, json={"kind": "session", "state": {"n": 1}}).raise_for_status()
            assert http.get(two + path).json()["state"] == {"n": 1}
    assert [codes for _, codes in nodes.values()] == [[0], [0]]
