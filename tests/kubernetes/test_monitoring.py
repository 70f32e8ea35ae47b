"""What is watched and scaled by: the rules are those of Prometheus, and metrics are those that there are."""

import json
import subprocess
import sys

import pytest
import yaml

import manifests
from backstory.observability.catalogue import METRICS
from server_process import MISSING, program

PROMETHEUS = manifests.ROOT / "deploy" / "prometheus"
GRAFANA = manifests.ROOT / "deploy" / "grafana" / "dashboards"
ADAPTER = yaml.safe_load((manifests.FOLDER / "prometheus-adapter.yaml").read_text())


def the(kind, name):
    return manifests.named(manifests.overlay("production"), kind, name)


def test_the_prometheus_rule_is_written_from_the_rules():
    script = manifests.ROOT / "scripts" / "prometheus_rule.py"
    done = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_prometheus_rule_has_each_rule_as_it_is():
    groups = [
        group
        for path in sorted((PROMETHEUS / "rules").glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
    ]
    assert the("PrometheusRule", "backstory")["spec"] == {"groups": groups}


def test_each_dashboard_is_in_a_config_map_that_grafana_finds():
    for path in GRAFANA.glob("*.json"):
        found = the("ConfigMap", f"backstory-dashboard-{path.stem}")
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert json.loads(found["data"][path.name]) == json.loads(path.read_text())


def test_nodes_are_scaled_by_processors_and_by_a_metric_that_they_count():
    metrics = the("HorizontalPodAutoscaler", "backstory")["spec"]["metrics"]
    (cpu,) = [one["resource"] for one in metrics if one["type"] == "Resource"]
    (pods,) = [one["pods"] for one in metrics if one["type"] == "Pods"]
    assert cpu["name"] == "cpu"
    (rule,) = ADAPTER["rules"]["custom"]
    assert pods["metric"]["name"] == rule["name"]["as"]
    series = rule["seriesQuery"].partition("{")[0]
    assert rule["name"]["matches"] == f"^{series}$"
    (metric,) = [metric for metric in METRICS if metric.name == series]
    assert metric.kind == "counter"


def test_prometheus_understands_what_the_adapter_asks(tmp_path):
    if program("promtool") is None:
        pytest.skip(MISSING["prometheus"])
    (rule,) = ADAPTER["rules"]["custom"]
    query = rule["metricsQuery"]
    filled = {
        "<<.Series>>": rule["seriesQuery"].partition("{")[0],
        "<<.LabelMatchers>>": 'namespace="backstory",pod=~"backstory-1|backstory-2"',
        "<<.GroupBy>>": "pod",
    }
    for template, value in filled.items():
        query = query.replace(template, value)
    rules = {"groups": [{"name": "adapter", "rules": [{"record": "x:y:z", "expr": query}]}]}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))
    command = ["promtool", "check", "rules", tmp_path / "rules.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nodes_are_told_apart_by_colour_and_track():
    monitor = the("ServiceMonitor", "backstory")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["path"] == "/metrics"
    told = {one["targetLabel"]: one["sourceLabels"] for one in endpoint["relabelings"]}
    assert told == {
        name: [f"__meta_kubernetes_pod_label_backstory_dev_{name}"] for name in ("color", "track")
    }
