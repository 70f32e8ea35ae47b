"""The official MCP conformance suite's scenarios for authorization servers, against the built-in one.

The suite waits for somebody who opens the URL that it prints, signs in and agrees; here that is
a person without scripts.
"""

import json
import re
import subprocess

import pytest

from conformance_suite import NODE, SUITE, VERSIONS, suite
from postgres_server import free_port
from serving import SECONDS, serving
from signing_in import Person, add_user, browser, command

pytestmark = [pytest.mark.conformance, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not SUITE.is_file():
        pytest.skip("the conformance suite is not installed; scripts/conformance --install does it")
    folder, port = tmp_path_factory.mktemp("authorization"), free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {"BACKSTORY_AUTH_SERVER": "on", "BACKSTORY_PUBLIC_URL": url}
    with serving(folder, "--port", str(port), env=environment) as server:
        add_user(server.store, url, "ada")
        callback = ("--redirect-uri", "http://127.0.0.1/callback")
        command(server.store, url, "client", "add", "public", *callback)
        yield server


def checked(server, folder, version):
    """What the suite found, once the person has done what it asks for."""
    arguments = ["authorization", "--url", server.url, "--client-id", "public", "-o", folder]
    arguments += ["--resource", f"{server.url}/mcp", "--port", free_port()]
    arguments += ["--spec-version", version]
    with subprocess.Popen(
        [NODE, SUITE, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            said = []
            for line in running.stdout:
                said.append(line)
                if line.startswith(f"{server.url}/authorize?"):
                    _agree(line.strip())
            running.wait(SECONDS)
        finally:
            running.kill()
    found = [
        check
        for path in folder.rglob("checks.json")
        for check in json.loads(path.read_text(encoding="utf-8"))
    ]
    assert found, "".join(said)
    return found


def _agree(url):
    with browser() as http:
        person = Person(http)
        person.agree(url)
        assert http.get(person.page.headers["location"]).status_code == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_every_scenario_for_authorization_servers_passes(server, tmp_path, version):
    found = checked(server, tmp_path, version)
    wrong = [check for check in found if check["status"] != "SUCCESS"]
    assert wrong == []
    listed = re.findall(
        r"^ +- (\S+) \[", suite("list").stdout.partition("Authorization server")[2], re.MULTILINE
    )
    assert "authorization-code-grant" in listed
    assert len(found) >= len(listed)
