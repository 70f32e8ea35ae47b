"""The Compose file of the whole stack: valid, and of one mind with what it mounts and sets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import server_process
from backstory.config import TABLE, load
from backstory.config.auth import check_callers
from serving import SECONDS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "compose"
FILE = FOLDER / "compose.yaml"
STACK = yaml.safe_load(FILE.read_text())
SERVICES = STACK["services"]
NODES = ("node1", "node2")
GIVEN = re.compile(r"\$\{(\w+):-([^}]*)\}")


def run(*command, **more):
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=SECONDS, **more
    )


def validated(file):
    checker = Path(sys.executable).with_name("check-jsonschema")
    return run(checker, "--builtin-schema", "vendor.compose-spec", file)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """The folder that make-secrets makes."""
    folder = tmp_path_factory.mktemp("secrets")
    command = Path(sys.executable).with_name("backstory")
    done = run(FOLDER / "make-secrets", folder, env={"PATH": "/usr/bin:/bin", "BACKSTORY": command})
    assert done.returncode == 0, done.stderr
    return folder


def environment(name, secrets):
    """What a node is told by its image and here, with its secrets where they are in this test."""
    image = (ROOT / "deploy" / "image" / "Containerfile").read_text()
    told = dict(re.findall(r"(BACKSTORY_\w+)=(\S+)", image))
    assert "BACKSTORY_DEFAULT_STORE" in told
    told |= {key: GIVEN.sub(r"\2", value) for key, value in SERVICES[name]["environment"].items()}
    return {key: value.replace("/run/secrets", str(secrets)) for key, value in told.items()}


def test_the_file_is_what_the_compose_specification_allows(tmp_path):
    done = validated(FILE)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(FILE.read_text().replace("read_only:", "readonly:"))
    assert validated(wrong).returncode == 1


def test_it_has_everything_that_a_stack_needs():
    assert set(SERVICES) == {
        *NODES,
        *("migrate", "postgres", "redis", "haproxy"),
        *("prometheus", "alertmanager", "grafana", "jaeger"),
    }


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_bounded_watched_and_has_no_rights(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["healthcheck"].get("test") or name == "migrate"
    image, _, tag = GIVEN.sub(r"\2", service["image"]).rpartition(":")
    assert image
    assert tag
    assert tag != "latest" or image == "backstory"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_what_is_mounted_is_there():
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source, target, *mode = mount.split(":")
            assert target.startswith("/")
            if source.startswith("."):
                assert (FOLDER / source).resolve().exists(), source
                assert mode == ["ro"]
            else:
                assert source in STACK["volumes"]


def test_every_secret_is_made_and_every_network_is_there(secrets):
    for name, secret in STACK["secrets"].items():
        file = secrets / Path(secret["file"]).name
        assert file.read_text(), name
    for service in SERVICES.values():
        used = {
            one if isinstance(one, str) else one["source"] for one in service.get("secrets", ())
        }
        assert used <= set(STACK["secrets"])
        assert set(service["networks"]) <= set(STACK["networks"])
    used = yaml.safe_dump(SERVICES)
    assert all(name in used for name in STACK["secrets"])
    # The keys that sign tokens are in no container.
    assert (secrets / "token-keys.json").exists()
    assert "token-keys" not in FILE.read_text()
    assert (secrets / "token-keys.json").stat().st_mode & 0o077 == 0


def test_making_secrets_again_changes_none(secrets):
    before = {file.name: file.read_bytes() for file in secrets.iterdir()}
    command = Path(sys.executable).with_name("backstory")
    run(FOLDER / "make-secrets", secrets, env={"PATH": "/usr/bin:/bin", "BACKSTORY": command})
    assert {file.name: file.read_bytes() for file in secrets.iterdir()} == before
    done = run(FOLDER / "make-secrets", secrets, env={"PATH": "/usr/bin:/bin", "BACKSTORY": "no"})
    assert done.returncode == 1
    assert done.stderr.startswith("error: no was not found")


def test_whoever_waits_for_health_waits_for_something_that_tells_it():
    for service in SERVICES.values():
        for name, waits in service.get("depends_on", {}).items():
            if waits["condition"] == "service_healthy":
                assert SERVICES[name]["healthcheck"]["test"]
            else:
                assert SERVICES[name]["restart"] == "no"


@pytest.mark.parametrize("name", NODES)
def test_a_node_would_start_with_what_it_is_told(name, secrets):
    told = environment(name, secrets)
    ours = {variable for variable in told if variable.startswith("BACKSTORY_")}
    known = {setting.variable for setting in TABLE.values()}
    known |= {f"BACKSTORY_DEFAULT_{name.upper()}" for name in TABLE}
    assert {variable.removesuffix("_FILE") for variable in ours} <= known
    settings = load(environ={variable: told[variable] for variable in ours})
    check_callers(settings)
    password = (secrets / "backstory-password").read_text()
    assert f":{password}@postgres:5432/backstory" in str(settings.store.dsn)
    redis = (secrets / "redis-password").read_text()
    assert settings.cache == f"redis://:{redis}@redis:6379/0"
    assert settings.bus == f"redis://:{redis}@redis:6379/1"
    # It is given its drain and what it takes to end, before it is killed.
    grace = int(SERVICES[name]["stop_grace_period"].rstrip("s"))
    assert grace >= settings.drain_seconds + 30


@pytest.mark.parametrize("name", NODES)
def test_a_node_is_where_others_look_for_it(name, secrets):
    settings = load(
        environ={
            key: value
            for key, value in environment(name, secrets).items()
            if key.startswith("BACKSTORY_")
        }
    )
    address = SERVICES[name]["networks"]["back"]["ipv4_address"]
    balancer = SERVICES["haproxy"]
    assert f"{address}:{settings.port}" in balancer["environment"].values()
    assert settings.trusted_proxies == (balancer["networks"]["back"]["ipv4_address"] + "/32",)
    jobs = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    assert f"{name}:{settings.ops_port}" in jobs[0]["static_configs"][0]["targets"]
    assert SERVICES[name]["healthcheck"]["test"] == ["CMD", "backstory", "health"]
    assert SERVICES[name]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://jaeger:4318"


def test_the_schema_is_brought_up_to_date_in_the_store_of_the_nodes(secrets):
    stores = [load(environ=ours(environment(name, secrets))).store for name in ("migrate", *NODES)]
    assert stores[0] == stores[1] == stores[2]


def ours(told):
    return {key: value for key, value in told.items() if key.startswith("BACKSTORY_")}


def test_haproxy_takes_its_file_as_it_is_mounted():
    program = server_process.program("haproxy")
    if program is None:
        pytest.skip(server_process.MISSING["haproxy"])
    told = SERVICES["haproxy"]["environment"]
    [mount] = SERVICES["haproxy"]["volumes"]
    file = FOLDER / mount.split(":")[0]
    done = run(program, "-c", "-f", file, env={"PATH": "/usr/bin", **told})
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(told) == set(re.findall(r"presetenv (\w+)", file.read_text()))


def plain(name):
    """The file of deploy/prometheus or of the stack, without what has to differ."""
    made = yaml.safe_load((ROOT / "deploy" / name / "prometheus.yml").read_text())
    for job in [*made["scrape_configs"], *made["alerting"]["alertmanagers"]]:
        job["static_configs"] = [{"targets": len(one) > 0} for one in job["static_configs"]]
    return made


def test_prometheus_scrapes_the_stack_as_it_does_elsewhere():
    assert plain("compose") == plain("prometheus")


def test_prometheus_takes_its_files_as_they_are_mounted(tmp_path):
    program = server_process.program("promtool")
    if program is None:
        pytest.skip(server_process.MISSING["prometheus"])
    for mount in SERVICES["prometheus"]["volumes"]:
        source, target, *_ = mount.split(":")
        if source.startswith("."):
            (tmp_path / Path(target).name).symlink_to((FOLDER / source).resolve())
    done = run(program, "check", "config", tmp_path / "prometheus.yml")
    assert done.returncode == 0, done.stderr
    assert "7 rule files found" in done.stdout


def test_grafana_is_told_of_the_data_that_dashboards_are_drawn_from():
    folder = ROOT / "deploy" / "grafana" / "provisioning" / "datasources"
    [ours] = yaml.safe_load((folder / "prometheus.yml").read_text())["datasources"]
    first, second = yaml.safe_load((FOLDER / "datasources.yml").read_text())["datasources"]
    assert first == ours | {"url": "http://prometheus:9090"}
    assert second["url"] == "http://jaeger:16686"
