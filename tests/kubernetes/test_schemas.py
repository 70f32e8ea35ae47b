"""Manifests hold to the schemas of Kubernetes and of the custom resources that they use, to the letter."""

import functools
import json
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

import manifests

OLDEST, NEWEST = "1.30", "1.37"
HOME = Path(sys.prefix) / "kubernetes"
NODE = Path(sys.executable).parent / "node"
TYPES = {
    "Certificate": "cert-manager/cert-manager.io/v1",
    "HTTPRoute": "gateway-api/gateway.networking.k8s.io/v1",
    "PrometheusRule": "prometheus-operator/monitoring.coreos.com/v1",
    "ServiceMonitor": "prometheus-operator/monitoring.coreos.com/v1",
}
FOLDERS = sorted(path.parent for path in manifests.FOLDER.rglob("kustomization.yaml"))


def custom():
    """Each custom resource once."""
    built = [one for resources in manifests.everything().values() for one in resources]
    built.append(yaml.safe_load((manifests.FOLDER / "components/tls/certificate.yaml").read_text()))
    texts = {json.dumps(one, sort_keys=True) for one in built if one["kind"] in TYPES}
    return [json.loads(text) for text in sorted(texts)]


def faults(resource, version):
    return _faults(json.dumps(resource, sort_keys=True), version)


@functools.cache
def _faults(text, version):
    resource = json.loads(text)
    try:
        kubernetes_validate.validate(resource, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{version}: {error.message} at {list(error.path)}"
    return None


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", list(manifests.everything()))
def test_kubernetes_knows_every_field(name, version):
    resources = [one for one in manifests.everything()[name] if one["kind"] not in TYPES]
    found = {one["metadata"]["name"]: faults(one, version) for one in resources}
    assert resources
    assert {name: fault for name, fault in found.items() if fault} == {}


def test_a_field_that_kubernetes_does_not_know_is_found():
    (deployment,) = manifests.of_kind(manifests.overlay("production"), "Deployment")
    wrong = json.loads(json.dumps(deployment))
    manifests.pod(wrong)["enableServiceLink"] = False
    assert "enableServiceLink" in faults(wrong, NEWEST)


@pytest.fixture
def typed(tmp_path):
    """The compiler, for a file of resources that are declared to be of their type."""
    if not HOME.is_dir():
        pytest.skip("not installed; scripts/npm_packages tests/kubernetes .venv/kubernetes does it")
    (tmp_path / "node_modules").symlink_to(HOME / "node_modules")

    def run(resources):
        kinds = {one["kind"] for one in resources}
        lines = [
            f'import type {{ I{kind} }} from "@kubernetes-models/{TYPES[kind]}";' for kind in kinds
        ]
        lines += [
            f"export const _{number}: I{one['kind']} = {json.dumps(one)};"
            for number, one in enumerate(resources)
        ]
        (tmp_path / "resources.ts").write_text("\n".join(lines))
        compiler = HOME / "node_modules" / "typescript" / "bin" / "tsc"
        options = "--noEmit --strict --skipLibCheck --module nodenext --target es2022"
        done = subprocess.run(
            [NODE, compiler, *options.split(), "resources.ts"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    return run


def test_custom_resources_have_only_fields_that_there_are(typed):
    """A literal with a field that its type has not is no program."""
    resources = custom()
    assert {one["kind"] for one in resources} == set(TYPES)
    wrong = json.loads(json.dumps(resources[0]))
    wrong["spec"]["nothing_of_this_name"] = 1
    (said,) = typed([*resources, wrong]).splitlines()
    assert said.startswith(f"resources.ts({len(resources) + 1 + len(TYPES)},")
    assert "nothing_of_this_name\"' does not exist" in said


def test_custom_resources_have_values_that_their_schemas_take(typed, tmp_path):
    wrong = {"kind": "HTTPRoute", "spec": {"rules": [{"timeouts": {"request": "long"}}]}}
    script = "".join(
        f'import {{ {kind} }} from "@kubernetes-models/{path}";\n' for kind, path in TYPES.items()
    )
    script += f"""
const types = {{ {", ".join(TYPES)} }};
for (const one of {json.dumps([*custom(), wrong])}) {{
  try {{ new types[one.kind](one).validate(); }} catch (error) {{ console.log(error.message); }}
}}
"""
    (tmp_path / "validate.mjs").write_text(script)
    done = subprocess.run(
        [NODE, "validate.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    (said,) = done.stdout.splitlines()
    assert "timeouts/request must match pattern" in said
    assert done.stderr == ""


@pytest.mark.parametrize(
    "folder", FOLDERS, ids=lambda path: str(path.relative_to(manifests.FOLDER))
)
def test_each_folder_is_written_as_kustomize_is_written_today(folder):
    """Nothing deprecated, and nothing that is not there; builds are strict about fields of their own."""
    text = (folder / "kustomization.yaml").read_text()
    said = yaml.safe_load(text)
    assert {"commonLabels", "patchesStrategicMerge", "patchesJson6902", "vars", "bases"}.isdisjoint(
        said
    )
    assert said["kind"] == ("Component" if folder.parent.name == "components" else "Kustomization")
