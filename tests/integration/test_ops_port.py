"""Metrics and health have a port of their own, which asks for no token and shows nothing else."""

import httpx
import pytest

from serving import failing, serving
from token_issuer import Issuer, bearer

ISSUER = Issuer()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ops")
    env = ISSUER.environment(ISSUER.write(folder / "keys.json"), BACKSTORY_OPERATORS="acme/root")
    with serving(folder, "--ops-port", "0", "--workers", "2", env=env) as running:
        yield running


@pytest.fixture(scope="module")
def ops(server):
    with httpx.Client(base_url=server.said["ops"], timeout=60) as client:
        yield client


def test_metrics_of_all_workers_and_health_in_detail_are_there_without_a_token(server, ops):
    with server.client() as http:
        assert http.get("/v1/whoami", headers=bearer(ISSUER.token("ada"))).status_code == 200
    page = ops.get("/metrics")
    assert page.status_code == 200
    assert "backstory_workers 2.0" in page.text
    assert "store" in ops.get("/healthz").json()["checks"]
    assert [ops.get(path).status_code for path in ("/livez", "/readyz")] == [200, 200]


def test_on_the_other_port_they_are_for_operators_only(server):
    with server.client() as http:
        assert http.get("/metrics").status_code == 401
        assert http.get("/metrics", headers=bearer(ISSUER.token("ada"))).status_code == 403
        root = bearer(ISSUER.token("root", ("admin",)))
        assert http.get("/metrics", headers=root).status_code == 200
        assert "checks" not in http.get("/healthz").json()
        assert "checks" in http.get("/healthz", headers=root).json()


@pytest.mark.parametrize("path", ["/v1/whoami", "/mcp", "/docs", "/openapi.json", "/v1/audit", "/"])
def test_nothing_else_is_there(ops, path):
    assert ops.get(path).status_code == 404
    assert ops.post(path).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"x-forwarded-for": "1.2.3.4"},
    ],
)
def test_no_page_of_a_browser_sees_it_and_no_proxy_opens_it(ops, headers):
    answer = ops.get("/metrics", headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_port_that_is_taken_stops_the_start(tmp_path, server):
    taken = server.said["ops"].rpartition(":")[2]
    with failing(tmp_path, "--ops-port", taken) as other:
        assert other.wait() == 2
        assert "ops_port from --ops-port" in other.errors()
        assert "set another with --ops-port" in other.errors()
