"""The official MCP conformance suite against a real server, for each revision we speak."""

import json
import os
import re
import select
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = [pytest.mark.conformance, pytest.mark.slow]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent
HOME = Path(os.environ.get("BACKSTORY_TEST_CONFORMANCE") or ROOT / ".venv" / "conformance")
SUITE = HOME / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
SCENARIOS = tomllib.loads((HERE / "scenarios.toml").read_text(encoding="utf-8"))
VERSIONS = ["2025-06-18", "2025-11-25", "2026-07-28"]
START_SECONDS = 30


def suite(*arguments, timeout=100):
    if not SUITE.is_file():
        pytest.skip("the conformance suite is not installed; scripts/conformance --install does it")
    return subprocess.run(
        [BIN / "node", SUITE, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="module")
def scenarios():
    """The suite's own list: scenarios with the revisions they are for."""
    listed = suite("list", "--server").stdout
    found = re.findall(r"^ +- (\S+) \[(.*)\]$", listed, re.MULTILINE)
    return {name: versions.split(",") for name, versions in found}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The MCP URL of `backstory serve` on a free port."""
    folder = tmp_path_factory.mktemp("conformance")
    command = [BIN / "backstory", "serve", "--port", "0", "--json", "--store", "sqlite:///store.db"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
            assert ready, "the server did not start in time"
            yield json.loads(process.stdout.readline())["mcp"]
        finally:
            process.terminate()
            process.wait(START_SECONDS)


@pytest.fixture(scope="module", params=VERSIONS)
def results(request, server, tmp_path_factory):
    """What each scenario found at one revision."""
    folder = tmp_path_factory.mktemp("results")
    version = request.param
    arguments = ("--url", server, "--spec-version", version, "--suite", "all", "-o", folder)
    done = suite("server", *arguments)
    found = {}
    for path in folder.glob("server-*/checks.json"):
        name = re.sub(r"^server-|-\d{4}-\d\d-\d\dT[\d-]+Z$", "", path.parent.name)
        found[name] = json.loads(path.read_text(encoding="utf-8"))
    assert found, done.stdout + done.stderr
    return version, found


def test_the_list_of_scenarios_is_complete(scenarios):
    ours = SCENARIOS["run"].keys() | SCENARIOS["left-out"].keys()
    assert ours == scenarios.keys()
    assert not SCENARIOS["run"].keys() & SCENARIOS["left-out"].keys()


def test_what_is_left_out_needs_what_only_a_test_server_has():
    reasons = SCENARIOS["left-out"].values()
    assert all(
        reason.startswith(("needs ", "an optional extension"))
        or "deprecated and left out" in reason
        for reason in reasons
    )


def test_every_scenario_without_fixtures_passes(scenarios, results):
    version, found = results
    wanted = {name for name in SCENARIOS["run"] if version in scenarios[name]}
    assert wanted <= found.keys()
    wrong = [
        f"{name}: {check['id']} {check['status']}: {check.get('errorMessage')}"
        for name in sorted(wanted)
        for check in found[name]
        if check["status"] not in {"SUCCESS", "INFO", "SKIPPED"}
        and check["id"] not in SCENARIOS["run"][name]
    ]
    assert wrong == []


def test_what_is_said_to_be_untestable_is(results):
    """Nothing may hide behind the list: such a check has to fail for want of a tool."""
    version, found = results
    if version != "2026-07-28":
        return
    checks = {check["id"]: check for check in found["server-stateless"]}
    for name in SCENARIOS["run"]["server-stateless"]:
        told = checks[name].get("errorMessage", "")
        assert "does not list the diagnostic tool" in told or checks[name]["status"] == "WARNING"
