"""The package for hosts with systemd: built, installed, upgraded, removed and purged for real."""

import json
import re
import shutil
import subprocess

import pytest

from backstory import __version__
from other_root import other_root
from pages import ROOT

pytestmark = pytest.mark.timeout(900)  # it is built first, however busy the machine is

# Stands for systemd, of which only one can run on a machine, and writes down what it is asked.
SYSTEMCTL = """mkdir -p /run/systemd/system
printf '#!/bin/sh\\necho "$@" >>/asked\\n' >/usr/local/bin/systemctl
chmod 755 /usr/local/bin/systemctl; touch /asked"""
# As the unit starts it: the user, the folder and the file with the settings are those of the package.
SERVE = """cat >/serve.py <<'END'
import json, subprocess, urllib.request
unit = open("/usr/lib/systemd/system/backstory.service").read()
(command,) = [line[10:] for line in unit.splitlines() if line.startswith("ExecStart=")]
store = [line[12:] for line in unit.splitlines() if line.startswith("Environment=BACKSTORY_DEFAULT_STORE")]
as_user = ["setpriv", "--reuid", "backstory", "--regid", "backstory", "--clear-groups", "env", *store]
server = subprocess.Popen([*as_user, *command.split(), "--json", "--port", "0"], stdout=subprocess.PIPE)
url = json.loads(server.stdout.readline())["url"] + "/v1/contexts/users.1/a"
def ask(method, **state):
    body = json.dumps({"kind": "session", "state": state}).encode() if state else None
    asked = urllib.request.Request(url, body, {"content-type": "application/json"}, method=method)
    return json.load(urllib.request.urlopen(asked, timeout=60))
try:
    import sys
    if sys.argv[1] == "write":
        ask("PUT", n=1)
    print(json.dumps(ask("GET")["state"]))
finally:
    server.terminate()
    print(server.wait(60))
END
"""


@pytest.fixture(scope="module")
def package():
    """It, built as `make deb` does."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed: a package is built on Debian or Ubuntu")
    done = subprocess.run(
        ["scripts/deb"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=900
    )
    if "is too old" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return ROOT / done.stdout.splitlines()[-1]


def steps():
    """What the how-to has an administrator do, block by block."""
    page = (ROOT / "docs" / "how-to" / "on-premises.md").read_text()
    return [
        each.strip() for each in re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    ]


def all_of(block):
    """Each of its commands has to succeed."""
    return f"(set -e\n{block}\n)"


def contents(package):
    listed = subprocess.run(
        ["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True
    ).stdout
    return [line.split(None, 5) for line in listed.splitlines()]


def test_the_package_names_no_place_that_it_was_built_in(package, tmp_path):
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    found = subprocess.run(
        ["grep", "-rlF", str(ROOT), tmp_path], capture_output=True, text=True, check=False
    )
    assert found.stdout.split() == []
    assert {line[1] for line in contents(package)} == {"root/root"}


def test_a_host_installs_upgrades_removes_and_purges_it(package, tmp_path):
    with other_root(tmp_path, package) as machine:

        def do(command, code=0):
            printed, ended = machine.do(command)
            assert ended == code, f"{command}\n{printed}"
            return printed

        deb = f"/{package.name}"
        do(SYSTEMCTL)
        do(SERVE)
        install, settings, tuned, start, *rest = steps()
        assert do(all_of(install)).split()[-1] == __version__
        assert do("cat /asked").split("\n") == ["--system daemon-reload"]  # nothing is started
        do("find /etc/systemd -name 'backstory*' | grep .", code=1)  # nor enabled
        owned = do("stat -c '%a %U:%G' /etc/backstory/backstory.env /var/lib/backstory")
        assert owned.split("\n") == ["640 root:backstory", "700 backstory:backstory"]
        for step in (settings, tuned, start):
            do(all_of(step))
        assert do("tail -1 /asked") == "enable --now backstory"
        assert do("python3 /serve.py write 2>/dev/null").split("\n") == ['{"n": 1}', "0"]
        for step in rest:
            do(all_of(step))

        do(": >/asked")
        do(f"dpkg -i --force-confold {deb}")  # as an upgrade
        assert do("cat /asked").split("\n") == [
            "--system daemon-reload",
            "try-restart backstory.service",
        ]
        assert "BACKSTORY_WORKERS=4" in do("cat /etc/backstory/backstory.env")
        assert do("python3 /serve.py read 2>/dev/null").split("\n") == ['{"n": 1}', "0"]

        do(": >/asked; dpkg -r backstory")
        assert do("cat /asked").split("\n")[0].startswith("stop backstory.service")
        do("ls /etc/backstory/backstory.env /var/lib/backstory/backstory.db")
        do("ls -d /opt/backstory", code=2)
        assert "holds data and stays" in do("dpkg -P backstory 2>&1")
        do("ls /etc/backstory", code=2)
        do("ls /var/lib/backstory/backstory.db")
        assert json.loads(do("dpkg -i " + deb + " >/dev/null 2>&1; python3 /serve.py read 2>/dev/null").split("\n")[0]) == {"n": 1}  # fmt: skip


def test_the_scripts_of_the_package_are_as_shells_want_them():
    for name in ("postinst", "prerm", "postrm"):
        script = ROOT / "deploy" / "debian" / name
        subprocess.run(["sh", "-n", script], check=True)
        assert re.match(r"#!/bin/sh\n(#.*\n)*set -e\n", script.read_text())
