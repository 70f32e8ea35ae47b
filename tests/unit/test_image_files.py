"""What an image is built from, looked at without building one; tests/rehearsals builds it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from backstory.cli import COMMANDS
from backstory.config import TABLE
from serving import SECONDS

ROOT = Path(__file__).resolve().parents[2]
CONTAINERFILE = ROOT / "deploy" / "image" / "Containerfile"
PAGE = ROOT / "docs" / "how-to" / "container.md"
PAGES = [PAGE, PAGE.with_name("compose.md")]


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [hadolint, "--no-color", "--failure-threshold", "style", CONTAINERFILE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path):
    hadolint = Path(sys.executable).with_name("hadolint")
    wrong = tmp_path / "Containerfile"
    wrong.write_text(CONTAINERFILE.read_text().replace("USER 10001:10001", "USER root"))
    done = subprocess.run([hadolint, wrong], capture_output=True, check=False, timeout=SECONDS)
    assert done.returncode == 1


DEFAULTS = {f"BACKSTORY_DEFAULT_{name.upper()}" for name in TABLE}


def test_its_variables_are_settings_that_whatever_an_operator_says_puts_aside():
    named = re.findall(r"(BACKSTORY_\w+)=", CONTAINERFILE.read_text())
    assert named
    assert set(named) <= DEFAULTS


def test_so_are_those_that_the_page_names():
    named = set(re.findall(r"BACKSTORY_[A-Z_]+\b", PAGE.read_text()))
    known = {setting.variable for setting in TABLE.values()}
    known |= {variable + "_FILE" for variable in known} | DEFAULTS
    assert named - known == {"BACKSTORY_NAME", "BACKSTORY_SECRETS"}


def test_only_locked_packages_are_installed_and_nothing_is_fetched_besides():
    text = CONTAINERFILE.read_text().replace("\\\n", " ")
    installs = [line for line in re.split(r"&&|\n", text) if "pip install" in line]
    assert len(installs) == 2
    for line in installs:
        assert "--no-index" in line or {"--require-hashes", "--no-deps"} <= set(line.split())
    assert not re.search(r"https?://|curl|wget", text)


def test_what_is_sent_to_the_build_is_named_and_there():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    for name in (line[1:] for line in lines if line.startswith("!")):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_tells_to_type_is_there(page):
    """No tool that runs containers is here; what is told to it is looked at word by word."""
    text = page.read_text()
    blocks = re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    typed = "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", text)])
    tasks = set(re.findall(r"^([a-z][a-z-]*): ##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", typed)) <= tasks
    ours = re.findall(
        r"(?:exec backstory backstory|\.venv/bin/backstory|^backstory) ([a-z]+)", typed
    )
    ours += re.findall(r"backstory:(?:VERSION|NEW) ([a-z]+)", typed)
    assert ours
    assert set(ours) <= set(COMMANDS)
    stack = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text())
    named = re.findall(r"(?:--no-deps|compose restart|run --rm) (\w+)$", typed, re.MULTILINE)
    assert set(named) <= set(stack["services"])
    for name in re.findall(r"(?:deploy|scripts|src)/[\w./-]+", typed):
        assert (ROOT / name).exists() or "secrets.d" in name, name
