"""The page on Kubernetes: its overlay is one, and kubectl understands each command.

Commands are given to the real kubectl, for a cluster that nobody can reach: what it complains of may
be nothing else than that.
"""

import re
import shlex
import socket
import subprocess

import pytest
import yaml
from click.testing import CliRunner

import manifests
from backstory.cli import main
from pages import DOCS, blocks

PAGE = DOCS / "how-to" / "kubernetes.md"
TEXT = PAGE.read_text(encoding="utf-8")
FILES = dict(
    re.findall(
        r"`(mine/(?:\w+/)?kustomization\.yaml)`[^`]*?:\n\n```yaml\n(.*?)```", TEXT, re.DOTALL
    )
)
OVERLAY = FILES["mine/kustomization.yaml"]
(COMPONENT,) = [
    one.text for one in blocks(PAGE) if one.language == "yaml" and one.text not in FILES.values()
]
COMMANDS = re.findall(
    r"(?:^|`)((?:kubectl (?!kustomize)|backstory rollout ).*?)(?:`|$)", TEXT, re.MULTILINE
)
BACKSTORY = re.compile(r"(^| -- )backstory (?=\w)")


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """A folder of somebody's own, beside a checkout and the files that the page wants."""
    folder = tmp_path_factory.mktemp("beside")
    (folder / "backstory").symlink_to(manifests.ROOT)
    before = FILES["mine/before/kustomization.yaml"]
    files = FILES | {
        "mine/after/kustomization.yaml": before.replace("before-deploy", "after-deploy")
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name in ("store", "cache", "bus"):
        (folder / name).write_text("x")
    return folder


@pytest.fixture(scope="module")
def unreachable(tmp_path_factory):
    """The configuration of kubectl for a cluster where nobody listens: the port is held, so that nobody can."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    server = {"server": f"http://127.0.0.1:{held.getsockname()[1]}"}
    path = tmp_path_factory.mktemp("kube") / "config"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "none", "cluster": server}],
                "users": [{"name": "none", "user": {}}],
                "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
                "current-context": "none",
            }
        )
    )
    yield {"KUBECONFIG": str(path), "HOME": str(path.parent)}
    held.close()


def test_an_overlay_of_ones_own_changes_what_it_says_and_nothing_else(beside):
    mine = manifests.kustomized(beside / "mine")
    (node,) = manifests.of_kind(mine, "Deployment")
    assert manifests.container(node)["image"] == "images.example.com/backstory:0.2.0"
    told = manifests.environment(node, mine)
    stated = yaml.safe_load(OVERLAY)["configMapGenerator"][0]["literals"]
    assert stated
    for line in stated:
        name, _, value = line.partition("=")
        assert told[name] == value
    (route,) = manifests.of_kind(mine, "HTTPRoute")
    assert route["spec"]["hostnames"] == ["context.example.org"]
    assert route["spec"]["rules"], "the rest of it stays"
    kinds = [one["kind"] for one in mine]
    assert kinds == [one["kind"] for one in manifests.overlay("production")]


def test_an_ingress_of_ones_own_has_ones_own_host_and_a_certificate_for_it(beside):
    mine = manifests.kustomized(beside / "mine" / "ingress")
    (ingress,), (made,) = (manifests.of_kind(mine, kind) for kind in ("Ingress", "Certificate"))
    hosts = {*made["spec"]["dnsNames"], ingress["spec"]["rules"][0]["host"]}
    assert {*ingress["spec"]["tls"][0]["hosts"]} == hosts == {"context.example.org"}


def test_each_release_has_the_image_that_is_said(beside):
    images = {
        name: {
            one["metadata"]["name"]: manifests.container(one)["image"].partition(":")[2]
            for one in manifests.workloads(manifests.kustomized((beside / name).parent))
        }
        for name in FILES
    }
    assert images == {
        "mine/kustomization.yaml": {"backstory": "0.2.0"},
        "mine/ingress/kustomization.yaml": {"backstory": "0.2.0"},
        "mine/before/kustomization.yaml": {"backstory-migrate-before-deploy": "0.2.0"},
        "mine/canary/kustomization.yaml": {"backstory": "0.2.0", "backstory-canary": "0.3.0"},
        "mine/colors/kustomization.yaml": {"backstory-blue": "0.2.0", "backstory-green": "0.3.0"},
    }


def test_the_component_for_tls_gives_nodes_the_certificate(beside):
    folder = beside / "secure"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(OVERLAY + COMPONENT)
    mine = manifests.kustomized(folder)
    (node,) = manifests.of_kind(mine, "Deployment")
    told = manifests.environment(node, mine, beside)
    (certificate,) = manifests.of_kind(mine, "Certificate")
    (volume,) = [one for one in manifests.pod(node)["volumes"] if one["name"] == "tls"]
    assert volume["secret"]["secretName"] == certificate["spec"]["secretName"]
    assert told["BACKSTORY_TLS_CERTIFICATE"] == str(beside / "tls" / "tls.crt")
    assert told["BACKSTORY_TLS_KEY"] == str(beside / "tls" / "tls.key")
    (port,) = manifests.named(mine, "Service", "backstory")["spec"]["ports"]
    assert port["appProtocol"] == "https"


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_kubectl_and_backstory_understand_each_command(beside, unreachable, command):
    words, _, ours = (
        command.rpartition("backstory ") if BACKSTORY.search(command) else (command, "", "")
    )
    if ours:
        asked = CliRunner().invoke(main, [*shlex.split(ours), "--help"])
        assert asked.exit_code == 0, asked.output
    if not words:
        return
    _, *arguments = shlex.split(words)
    arguments += ["backstory"] if ours else []
    done = subprocess.run(
        [manifests.KUBECTL, *arguments],
        cwd=beside,
        env=unreachable,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert re.search(r"connection refused|was refused", done.stderr), done.stderr
