"""systemd takes the unit of `deploy/`, and finds it well shut off."""

import re
import subprocess

import pytest

import server_process
from backstory.config import load
from pages import ROOT
from serving import SECONDS

UNIT = ROOT / "deploy" / "systemd" / "backstory.service"
MOST_EXPOSED = "15"  # tenths; 100 is no sandbox at all


@pytest.fixture
def analyze():
    program = server_process.program("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed: `apt-get install systemd`")

    def run(*arguments):
        command = [program, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)

    return run


def test_systemd_takes_the_unit_without_a_word(analyze, tmp_path):
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text()))
    done = analyze("verify", str(copy))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_sandbox_leaves_little(analyze):
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(UNIT))
    assert done.returncode == 0, done.stdout


def test_the_settings_of_the_unit_are_settings():
    found = dict(re.findall(r"^Environment=(BACKSTORY_\w+)=(.*)$", UNIT.read_text(), re.MULTILINE))
    assert load(environ=found).workers == 2
    # Workers have time to end before they are killed.
    assert "TimeoutStopSec=60" in UNIT.read_text()
