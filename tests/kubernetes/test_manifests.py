"""Manifests agree with the server: settings, ports, probes, labels, times, and what a pod may do."""

import re
from urllib.parse import urlsplit

import pytest

import manifests
from backstory import __version__, limits
from backstory.config import load
from backstory.transports.edge.ops import PATHS

OURS = re.compile(r"BACKSTORY_\w+")
VALUES = {
    "store": "postgresql://backstory:secret@db.databases/backstory",
    "cache": "redis://:secret@redis.databases/0",
    "bus": "redis://:secret@redis.databases/1",
}
ALL = [
    pytest.param(workload, resources, id=f"{name} {workload['metadata']['name']}")
    for name, resources in manifests.everything().items()
    for workload in manifests.workloads(resources)
]
NODES = [one for one in ALL if one.values[0]["kind"] == "Deployment"]
each = pytest.mark.parametrize(("workload", "resources"), ALL)
each_node = pytest.mark.parametrize(("workload", "resources"), NODES)


def settings(workload, resources, folder):
    (folder / "secrets").mkdir()
    for name, value in VALUES.items():
        (folder / "secrets" / name).write_text(value + "\n")
    return load(environ=manifests.environment(workload, resources, folder))


@each
def test_each_variable_is_a_setting_and_each_value_is_taken(workload, resources, tmp_path):
    found = settings(workload, resources, tmp_path)
    stated = {
        name
        for name, value in manifests.environment(workload, resources).items()
        if OURS.match(name) and value
    }
    assert len(found.origins) == len(stated)


@each
def test_secrets_come_from_files_only(workload, resources):
    text = str(workload) + str(manifests.of_kind(resources, "ConfigMap"))
    assert "secretKeyRef" not in text
    assert re.search(r"(redis|postgresql)://[^\s@']+@", text) is None
    assert manifests.of_kind(resources, "Secret") == []


@each_node
def test_ports_are_those_that_the_server_listens_on(workload, resources, tmp_path):
    found = settings(workload, resources, tmp_path)
    ports = {one["name"]: one["containerPort"] for one in manifests.container(workload)["ports"]}
    assert ports == {"http": found.port, "ops": found.ops_port}
    assert found.asks_tokens, "the server listens on more than its own machine"


@each_node
def test_probes_ask_on_the_port_for_operators_and_wait_longer_than_the_server_looks(
    workload, resources
):
    probes = {
        name: manifests.container(workload)[f"{name}Probe"]
        for name in ("startup", "liveness", "readiness")
    }
    asked = {name: urlsplit(probe["httpGet"]["path"]) for name, probe in probes.items()}
    assert {name: url.path for name, url in asked.items()} == {
        "startup": "/livez",
        "liveness": "/livez",
        "readiness": "/readyz",
    }
    assert {url.path for url in asked.values()} <= PATHS
    assert {url.query for url in asked.values()} <= {"", "allow=stale"}
    assert {probe["httpGet"]["port"] for probe in probes.values()} == {"ops"}
    assert probes["readiness"]["timeoutSeconds"] > limits.CHECK_SECONDS


@each_node
def test_a_pod_is_given_the_time_to_drain_and_to_end_what_is_under_way(
    workload, resources, tmp_path
):
    drain = settings(workload, resources, tmp_path).drain_seconds
    probe = manifests.container(workload)["readinessProbe"]
    if workload["spec"]["strategy"]["type"] == "RollingUpdate":
        assert drain > probe["periodSeconds"] * probe["failureThreshold"]
    needed = drain + limits.SHUTDOWN_SECONDS + limits.REFUSE_SECONDS
    assert manifests.pod(workload)["terminationGracePeriodSeconds"] >= needed + 10


@each
def test_a_pod_is_restricted(workload, resources):
    pod, container = manifests.pod(workload), manifests.container(workload)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] >= 10_000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == "backstory"
    assert "memory" in container["resources"]["requests"].keys() & container["resources"]["limits"]


@each
def test_no_service_puts_variables_into_a_pod_that_are_no_settings(workload, resources):
    """A Service called `backstory` would be told of as BACKSTORY_PORT=tcp://..."""
    assert manifests.pod(workload)["enableServiceLinks"] is False


@each
def test_what_is_mounted_is_there(workload, resources):
    pod, container = manifests.pod(workload), manifests.container(workload)
    assert {one["name"] for one in container["volumeMounts"]} == {
        one["name"] for one in pod["volumes"]
    }
    claims = [
        one["persistentVolumeClaim"]["claimName"]
        for one in pod["volumes"]
        if "persistentVolumeClaim" in one
    ]
    for claim in claims:
        assert manifests.named(manifests.overlay("embedded"), "PersistentVolumeClaim", claim)


@each_node
def test_nodes_are_spread_over_zones_and_machines_where_there_are_several(workload, resources):
    if workload["spec"].get("replicas") == 1:
        return
    spread = manifests.pod(workload)["topologySpreadConstraints"]
    assert {one["topologyKey"] for one in spread} == {
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    }
    labels = workload["spec"]["template"]["metadata"]["labels"]
    for one in spread:
        assert manifests.selects(one["labelSelector"]["matchLabels"], labels)


def test_all_manifests_name_the_image_of_this_release():
    images = {manifests.container(one.values[0])["image"] for one in ALL}
    assert images == {f"backstory:{__version__}"}


@each
def test_a_pod_is_run_as_the_image_is_made(workload, resources):
    made = (manifests.ROOT / "deploy" / "image" / "Containerfile").read_text()
    context = manifests.pod(workload)["securityContext"]
    assert f"USER {context['runAsUser']}:{context['runAsGroup']}\n" in made
    assert 'ENTRYPOINT ["backstory"]\n' in made
    assert manifests.container(workload)["args"][0] in {"serve", "migrate"}
    (places,) = re.findall(r'^VOLUME \["(.*)"\]$', made, re.MULTILINE)
    mounts = {
        one["name"]: one["mountPath"] for one in manifests.container(workload)["volumeMounts"]
    }
    assert mounts.get("store", places) == places
    assert mounts["tmp"] == "/tmp"
