"""The official MCP conformance suite against a real server, for each revision we speak.

The server has an extension that the scenarios ask for (extension/); everything else about it
is as it is shipped.
"""

import json
import re
import tomllib
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance_suite import VERSIONS, suite
from installing import beside
from serving import serving

pytestmark = [pytest.mark.conformance, pytest.mark.slow]

HERE = Path(__file__).parent
SCENARIOS = tomllib.loads((HERE / "scenarios.toml").read_text(encoding="utf-8"))
PASSED = {"SUCCESS", "INFO", "SKIPPED"}


@pytest.fixture(scope="module")
def scenarios():
    """The suite's own list: scenarios with the revisions they are for."""
    listed = suite("list", "--server").stdout
    found = re.findall(r"^ +- (\S+) \[(.*)\]$", listed, re.MULTILINE)
    return {name: versions.split(",") for name, versions in found}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The MCP URL of one server for all revisions, with what the scenarios ask for."""
    with _server(tmp_path_factory.mktemp("conformance")) as url:
        yield url


@contextmanager
def _server(folder, **more):
    point = "conformance = backstory_conformance:make"
    env = beside(folder / "installed", point, HERE / "extension")
    with serving(folder, env=env | more) as process:
        yield process.said["mcp"]


@pytest.fixture(scope="module", params=VERSIONS)
def results(request, server, tmp_path_factory):
    """What each scenario found at one revision."""
    return _results(server, request.param, tmp_path_factory.mktemp("results"))


def _results(server, version, folder):
    arguments = ("--url", server, "--spec-version", version, "--suite", "all", "-o", folder)
    done = suite("server", *arguments)
    found = {}
    for path in folder.glob("server-*/checks.json"):
        name = re.sub(r"^server-|-\d{4}-\d\d-\d\dT[\d-]+Z$", "", path.parent.name)
        found[name] = json.loads(path.read_text(encoding="utf-8"))
    assert found, done.stdout + done.stderr
    return version, found


def test_the_list_of_scenarios_is_complete(scenarios):
    run, left_out = set(SCENARIOS["run"]), SCENARIOS["left-out"].keys()
    assert run | left_out == scenarios.keys()
    assert not run & left_out


def test_what_is_left_out_is_deprecated_or_an_optional_extension():
    reasons = set(SCENARIOS["left-out"].values())
    assert reasons == {
        "logging is deprecated and left out",
        "an optional extension that is not offered",
    }


def test_every_scenario_that_applies_passes(scenarios, results):
    version, found = results
    _check(scenarios, version, found)


def test_every_scenario_passes_without_the_fast_lane(scenarios, tmp_path):
    """With it is how the server comes, and what the other tests look at."""
    version = VERSIONS[-1]  # the only one that takes the lane
    with _server(tmp_path, BACKSTORY_MCP_FAST_LANE="off") as url:
        _check(scenarios, *_results(url, version, tmp_path / "results"))


def _check(scenarios, version, found):
    wanted = {name for name in SCENARIOS["run"] if version in scenarios[name]}
    assert wanted <= found.keys()
    wrong = [
        f"{name}: {check['id']} {check['status']}: {check.get('errorMessage')}"
        for name in sorted(wanted)
        for check in found[name]
        if check["status"] not in PASSED
    ]
    assert wrong == []


def test_nothing_is_passed_by_being_skipped(scenarios, results):
    """A scenario may find that a check does not apply, and never that none does."""
    version, found = results
    wanted = {name for name in SCENARIOS["run"] if version in scenarios[name]}
    idle = {
        name
        for name in wanted
        if not any(
            check["status"] == "SUCCESS"
            for check in found[name]
            if check["id"] != "wire-schema-valid"
        )
    }
    # Answers that tell nothing before they are there come as JSON, which leaves no stream to poll.
    assert idle <= {"server-sse-polling"}
