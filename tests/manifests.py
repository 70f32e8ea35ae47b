"""What kubectl makes of the manifests in deploy/kubernetes."""

import functools
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deploy" / "kubernetes"
KUBECTL = Path(sys.executable).parent / "kubectl"
OVERLAYS = ("embedded", "production", "ingress", "canary", "blue-green")
JOBS = ("before-deploy", "after-deploy", "embedded")
SETTINGS = "backstory-settings"


def kustomized(folder):
    """All resources of a folder, as `kubectl apply -k` would send them."""
    done = subprocess.run(
        [KUBECTL, "kustomize", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one is not None]


@functools.cache
def overlay(name):
    return kustomized(FOLDER / "overlays" / name)


@functools.cache
def job(name):
    return kustomized(FOLDER / "migrate" / name)


def everything():
    """Each built folder by its name, with its resources."""
    found = {name: overlay(name) for name in OVERLAYS}
    return found | {f"migrate {name}": job(name) for name in JOBS}


def of_kind(resources, *kinds):
    return [one for one in resources if one["kind"] in kinds]


def named(resources, kind, name):
    (found,) = [one for one in of_kind(resources, kind) if one["metadata"]["name"] == name]
    return found


def workloads(resources):
    return of_kind(resources, "Deployment", "Job")


def pod(workload):
    return workload["spec"]["template"]["spec"]


def container(workload):
    (only,) = pod(workload)["containers"]
    return only


def environment(workload, resources, folder=None):
    """The variables that its container is given; with what it mounts below `folder`, if one is named."""
    found = {}
    for source in container(workload).get("envFrom", ()):
        found |= named(resources, "ConfigMap", source["configMapRef"]["name"])["data"]
    found |= {one["name"]: one["value"] for one in container(workload).get("env", ())}
    for mount in container(workload)["volumeMounts"] if folder else ():
        if mount["name"] != "tmp":
            there, here = mount["mountPath"], str(folder / mount["name"])
            found = {name: value.replace(there, here) for name, value in found.items()}
    return found


def selects(selector, labels):
    return selector.items() <= labels.items()


def labels_of_pods(resources):
    return {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
        for one in workloads(resources)
    }
