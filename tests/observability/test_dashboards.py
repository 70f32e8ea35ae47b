"""Grafana's dashboards are what their code says, and each of their queries finds something."""

import contextlib
import json
import re
import subprocess
import sys

import httpx
import pytest
import trustme
import yaml

from grafana.__main__ import ALL, built
from observed import asked, observing
from observing.stack import NODE, Wanted
from pages import ROOT
from serving import serving, until

pytestmark = pytest.mark.operations

DEPLOY = ROOT / "deploy" / "grafana"
CHOSEN = {"$job": "backstory", "$instance": ".+", "$__rate_interval": "10s"}
TOKENS = {
    "BACKSTORY_AUTH_ISSUER": "https://tokens.example.com",
    "BACKSTORY_AUTH_AUDIENCE": "https://context.example.com",
    "BACKSTORY_AUTH_JWKS": "file:.backstory/token-jwks.json",
    "BACKSTORY_ALLOWED_HOSTS": "127.0.0.1",
    "BACKSTORY_OPERATORS": "default/prometheus",
    "BACKSTORY_RATE_PER_SECOND": "5",
    "BACKSTORY_RATE_BURST": "5",
}
NOT_HERE = {"backstory_replica_lag_seconds": "needs a standby, which no node here reads"}


def shown(dashboard):
    """Every query of a dashboard, with its panel's title."""
    return [
        (panel["title"], target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]


def test_the_files_are_what_the_code_makes():
    for path, text in built().items():
        assert path.read_text() == text, "run `make dashboards`"
    assert {path.name for path in (DEPLOY / "dashboards").iterdir()} == {
        path.name for path in built()
    }


@pytest.mark.parametrize("dashboard", ALL, ids=lambda one: one.name)
def test_a_dashboard_is_whole(dashboard):
    page = json.loads((DEPLOY / "dashboards" / f"{dashboard.name}.json").read_text())
    numbers = [panel["id"] for panel in page["panels"]]
    assert numbers == list(range(1, len(numbers) + 1))
    taken = set()
    for panel in page["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies over another"
        taken |= cells
        assert panel["type"] == "row" or panel["description"].endswith(".")


def test_provisioning_names_what_there_is():
    (provider,) = yaml.safe_load((DEPLOY / "provisioning/dashboards/backstory.yml").read_text())[
        "providers"
    ]
    assert provider["type"] == "file"
    (source,) = yaml.safe_load((DEPLOY / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    scrape = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["global"]
    assert source["jsonData"]["timeInterval"] == scrape["scrape_interval"]


class Strict:
    """A node with tokens, TLS and a low rate, beside the one that is under load."""

    def __init__(self, folder):
        self.folder = folder
        issued = trustme.CA().issue_cert("127.0.0.1", "localhost")
        (folder / "node.pem").write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
        (folder / "node.key").write_bytes(issued.private_key_pem.bytes())
        self.flags = ("--tls-certificate", "node.pem", "--tls-key", "node.key")
        self.run("keys")
        self.operator = folder / "operator.token"
        self.operator.write_text(self.run("create", "--subject", "prometheus", "--role", "reader"))

    def run(self, *words):
        done = subprocess.run(
            [sys.executable, "-m", "backstory", "token", *words],
            cwd=self.folder,
            env=TOKENS,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def edits(self, address):
        """What scrapes it, too, in Prometheus' file."""
        file = "/etc/prometheus/backstory.token"
        known = f"authorization: {{credentials_file: {self.operator}}}"
        trusted = "tls_config: {insecure_skip_verify: true}"
        here = f'targets: ["{NODE}"]\n'
        there = f'      - targets: ["{address}"]\n        labels: {{__scheme__: https}}\n'
        return {
            f"# authorization: {{credentials_file: {file}}}": known,
            "# scheme: https": trusted,
            here: here + there,
        }

    def annoy(self, url):
        """Comes without a token, with too small a token, and too often."""
        reads = self.run("create", "--subject", "ada", "--scope", "context:read")
        with httpx.Client(base_url=url, verify=False) as http:
            context = "/v1/contexts/users.ada/note"
            known = {"authorization": f"Bearer {reads}"}
            for _ in range(20):
                http.get(context)
                http.get(context, headers=known)
                http.put(context, headers=known, json={"kind": "session"})


@pytest.fixture(scope="module")
def stack(tmp_path_factory, postgres_cluster, redis_process):
    """Two workers on PostgreSQL with Redis under the load, and a strict node on a file."""
    if postgres_cluster is None or redis_process is None:
        pytest.skip("PostgreSQL or Redis is not installed")
    where = ("-h", "127.0.0.1", "-p", str(postgres_cluster.port), "-U", "backstory")
    postgres_cluster.run("createdb", *where, "-T", "template", "dashboards")
    folder = tmp_path_factory.mktemp("dashboards")
    redis = f"redis://127.0.0.1:{redis_process.port}"
    flags = ["--workers", "2", "--cache", redis, "--bus", redis]
    strict = Strict(folder)
    with serving(folder, *strict.flags, env=TOKENS) as node:
        edits = strict.edits(node.url.removeprefix("https://"))
        store = postgres_cluster.url("dashboards")
        wanted = Wanted(folder / "observe", store=store, flags=flags, edits=edits)
        with observing(wanted) as running:
            for _ in range(2):  # a rate needs a first sample of each
                strict.annoy(node.url)
                until(lambda: len(asked(running, 'up{job="backstory"} == 1')) == 2, "both nodes")
            yield running
    postgres_cluster.run("dropdb", *where, "--force", "dashboards")


def test_every_query_finds_something_under_load(stack):
    queries = {
        f"{one.name}: {title}: {query}": query for one in ALL for title, query in shown(one.json())
    }
    missing = list(queries)

    def all_found():
        missing[:] = [name for name in missing if not found(stack, queries[name])]
        return not missing

    with contextlib.suppress(AssertionError):  # the list says more
        until(all_found)
    assert missing == []


def found(stack, query):
    """Whether there is an answer; one that cannot be had here can at least be asked for."""
    for name, value in CHOSEN.items():
        query = query.replace(name, value)
    assert "$" not in query
    return asked(stack, query) or any(name in query for name in NOT_HERE)


def test_queries_ask_for_metrics_that_there_are():
    from backstory.observability.catalogue import LOOKED_AT, METRICS

    there = {metric.name for metric in (*METRICS, *LOOKED_AT)}
    for one in ALL:
        for _, query in shown(one.json()):
            names = re.findall(r"(?<![\w:])(?:backstory|process)_\w+(?![\w:])", query)
            base = {re.sub(r"_(bucket|count|sum)$", "", name) for name in names}
            assert base <= there, base - there
