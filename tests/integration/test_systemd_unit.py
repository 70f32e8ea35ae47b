"""systemd takes the unit of `deploy/`, and finds it well shut off."""

import re
import subprocess

import pytest

import server_process
from backstory.config import load
from pages import ROOT
from serving import SECONDS

FOLDER = ROOT / "deploy" / "systemd"
UNIT = FOLDER / "backstory.service"
RENEWING = FOLDER / "backstory-certificate.service"
TIMER = FOLDER / "backstory-certificate.timer"
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


@pytest.mark.parametrize("unit", [UNIT, RENEWING, TIMER], ids=lambda unit: unit.name)
def test_systemd_takes_the_unit_without_a_word(analyze, tmp_path, unit):
    for each in FOLDER.iterdir():
        text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", each.read_text())
        (tmp_path / each.name).write_text(text)
    done = analyze("verify", str(tmp_path / unit.name))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_sandbox_leaves_little(analyze):
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(UNIT))
    assert done.returncode == 0, done.stdout


def test_the_sandbox_of_the_renewal_leaves_it_port_80_and_its_folder(analyze):
    done = analyze("security", "--offline=true", "--threshold=30", str(RENEWING))
    assert done.returncode == 0, done.stdout


def test_the_settings_of_the_unit_are_settings():
    found = dict(re.findall(r"^Environment=(BACKSTORY_\w+)=(.*)$", UNIT.read_text(), re.MULTILINE))
    assert load(environ=found).workers == 2
    # Workers have time to end before they are killed.
    assert "TimeoutStopSec=60" in UNIT.read_text()
