"""Resources of an overlay agree with each other: selectors, names, namespaces, the network."""

from itertools import product

import pytest

import manifests
from backstory import limits


@pytest.mark.parametrize("name", manifests.OVERLAYS)
def test_every_selector_finds_pods_that_have_the_port(name):
    resources = manifests.overlay(name)
    pods = manifests.labels_of_pods(resources)
    for service in manifests.of_kind(resources, "Service"):
        selector = service["spec"]["selector"]
        found = [one for one, labels in pods.items() if manifests.selects(selector, labels)]
        assert found, service["metadata"]["name"]
        for one, port in product(found, service["spec"]["ports"]):
            ports = manifests.container(manifests.named(resources, "Deployment", one))["ports"]
            assert {"name": port["targetPort"], "containerPort": port["port"]} in ports
    for one in manifests.of_kind(resources, "PodDisruptionBudget", "Deployment"):
        selector = one["spec"]["selector"]["matchLabels"]
        found = [name for name, labels in pods.items() if manifests.selects(selector, labels)]
        assert found == [one["metadata"]["name"]], "no two of them share pods"


@pytest.mark.parametrize("name", manifests.OVERLAYS)
def test_nodes_answer_to_the_names_of_all_services_and_to_a_forwarded_port(name):
    resources = manifests.overlay(name)
    (settings,) = [
        one["data"]
        for one in manifests.of_kind(resources, "ConfigMap")
        if one["metadata"]["name"].startswith(manifests.SETTINGS)
    ]
    names = {
        f"{one['metadata']['name']}.{one['metadata']['namespace']}.svc"
        for one in manifests.of_kind(resources, "Service")
        if one["spec"]["ports"][0]["name"] == "http"
    }
    assert names | {"127.0.0.1"} <= set(settings["BACKSTORY_ALLOWED_HOSTS"].split(","))


@pytest.mark.parametrize("name", manifests.OVERLAYS)
def test_names_that_resources_give_each_other_are_there(name):
    resources = manifests.overlay(name)
    for one in manifests.of_kind(resources, "HorizontalPodAutoscaler"):
        assert one["spec"]["scaleTargetRef"]["name"] == one["metadata"]["name"]
        deployment = manifests.named(resources, "Deployment", one["metadata"]["name"])
        assert "replicas" not in deployment["spec"], "the autoscaler says how many there are"
    for route in manifests.of_kind(resources, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                service = manifests.named(resources, "Service", backend["name"])
                assert backend["port"] in [port["port"] for port in service["spec"]["ports"]]
    for monitor in manifests.of_kind(resources, "ServiceMonitor"):
        (service,) = [
            service
            for service in manifests.of_kind(resources, "Service")
            if manifests.selects(
                monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"]
            )
        ]
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
        assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "backstory"


@pytest.mark.parametrize("name", manifests.OVERLAYS)
def test_everything_is_in_one_namespace_that_enforces_restricted_pods(name):
    resources = manifests.overlay(name)
    (namespace,) = manifests.of_kind(resources, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    places = {one["metadata"].get("namespace") for one in resources if one["kind"] != "Namespace"}
    assert places == {namespace["metadata"]["name"]}


def test_an_ingress_leads_to_the_service_with_the_certificate_that_is_made_for_it():
    resources = manifests.overlay("ingress")
    (ingress,), (certificate,) = (
        manifests.of_kind(resources, k) for k in ("Ingress", "Certificate")
    )
    (tls,), (rule,) = ingress["spec"]["tls"], ingress["spec"]["rules"]
    assert tls["secretName"] == certificate["spec"]["secretName"]
    assert tls["hosts"] == certificate["spec"]["dnsNames"] == [rule["host"]]
    (path,) = rule["http"]["paths"]
    service = manifests.named(resources, "Service", path["backend"]["service"]["name"])
    ports = [port["port"] for port in service["spec"]["ports"]]
    assert path["backend"]["service"]["port"]["number"] in ports
    policy = manifests.named(resources, "NetworkPolicy", "backstory")
    assert "ingress-nginx" in str(policy["spec"]["ingress"][0]["from"])
    of_nginx = ingress["metadata"]["annotations"]
    wait = int(of_nginx["nginx.ingress.kubernetes.io/proxy-read-timeout"])
    assert wait > max(limits.WAIT_SECONDS, limits.HEARTBEAT_SECONDS)
    kinds = {one["kind"] for one in resources} - {"Ingress", "Certificate"}
    assert kinds == {one["kind"] for one in manifests.overlay("production")} - {"HTTPRoute"}


def test_an_embedded_store_has_one_node_at_a_time():
    (node,) = manifests.of_kind(manifests.overlay("embedded"), "Deployment")
    assert node["spec"]["replicas"] == 1
    assert node["spec"]["strategy"] == {"type": "Recreate"}
    (claim,) = manifests.of_kind(manifests.overlay("embedded"), "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
    store = manifests.environment(node, manifests.overlay("embedded"))["BACKSTORY_STORE"]
    (mount,) = [
        one["mountPath"]
        for one in manifests.container(node)["volumeMounts"]
        if one["name"] == "store"
    ]
    assert store.startswith(f"sqlite:///{mount}/")


def test_a_roll_takes_no_node_away_before_another_is_there():
    for name in ("production", "ingress", "canary", "blue-green"):
        for one in manifests.of_kind(manifests.overlay(name), "Deployment"):
            rolling = one["spec"]["strategy"]["rollingUpdate"]
            assert rolling == {"maxSurge": 1, "maxUnavailable": 0}


def test_the_colour_that_has_all_requests_is_the_selector_of_the_service():
    resources = manifests.overlay("blue-green")
    pods = manifests.labels_of_pods(resources)
    selector = manifests.named(resources, "Service", "backstory")["spec"]["selector"]
    for live in ("blue", "green"):
        chosen = selector | {"backstory.dev/color": live}
        found = [one for one, labels in pods.items() if manifests.selects(chosen, labels)]
        assert found == [f"backstory-{live}"]
    assert selector["backstory.dev/color"] in {"blue", "green"}
    for colour in ("blue", "green"):
        looked_at = manifests.named(resources, "Service", f"backstory-preview-{colour}")
        assert looked_at["spec"]["selector"]["backstory.dev/color"] == colour


def test_a_canary_is_added_without_a_change_of_what_is_there():
    """A selector cannot be changed later, so that the stable nodes are told apart from the start."""
    before = {
        (one["kind"], one["metadata"]["name"]): one for one in manifests.overlay("production")
    }
    after = {(one["kind"], one["metadata"]["name"]): one for one in manifests.overlay("canary")}
    changed = {name for name, one in before.items() if after[name] != one}
    assert changed == {("HTTPRoute", "backstory")}
    (rule,) = after["HTTPRoute", "backstory"]["spec"]["rules"]
    assert sum(backend["weight"] for backend in rule["backendRefs"]) == 100
    pods = manifests.labels_of_pods(manifests.overlay("canary"))
    for backend in rule["backendRefs"]:
        track = backend["name"].removeprefix("backstory-")
        selector = after["Service", backend["name"]]["spec"]["selector"]
        found = [labels for labels in pods.values() if manifests.selects(selector, labels)]
        assert [labels["backstory.dev/track"] for labels in found] == [track]


@pytest.mark.parametrize("name", manifests.OVERLAYS)
def test_the_network_is_closed_but_for_what_is_named(name):
    policies = manifests.of_kind(manifests.overlay(name), "NetworkPolicy")
    by_name = {one["metadata"]["name"]: one["spec"] for one in policies}
    assert by_name["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    pods = [*manifests.labels_of_pods(manifests.overlay(name)).values()]
    pods += [
        labels
        for job in manifests.JOBS
        for labels in manifests.labels_of_pods(manifests.job(job)).values()
    ]
    opened = set()
    for policy in policies:
        for rule in (*policy["spec"].get("ingress", ()), *policy["spec"].get("egress", ())):
            assert rule.get("from") or rule.get("to"), "a rule without peers lets everybody"
            opened |= {port["port"] for port in rule["ports"]}
        selector = policy["spec"]["podSelector"].get("matchLabels", {})
        assert any(manifests.selects(selector, labels) for labels in pods)
    dependencies = {5432, 6379, 4318, 443} if name != "embedded" else set()
    assert opened == {"http", "ops", 53} | dependencies
