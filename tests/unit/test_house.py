"""Rules of the house that no other tool checks."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from backstory import __version__
from backstory.config import load

ROOT = Path(__file__).resolve().parents[2]
SETTINGS_PAGE = ROOT / "docs" / "reference" / "settings.md"
DEPENDENCIES_PAGE = ROOT / "docs" / "decisions" / "0001-dependencies.md"
# In pieces, so that this file does not name them itself.
REGISTRIES = [
    "py" + "pi.org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "registry." + "yarnpkg",
    "files." + "pythonhosted",
]


def committed_files():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


def requirement_names(path):
    lines = (line.split("#", 1)[0].strip() for line in path.read_text().splitlines())
    return {re.split(r"[=<>~\[ ;]", line)[0] for line in lines if line and line[0].isalnum()}


def test_no_committed_file_names_a_package_registry():
    named = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in committed_files()
        if path.is_file()
        for host in REGISTRIES
        if host.encode() in path.read_bytes()
    ]
    assert named == []


def test_no_committed_file_holds_two_versions_of_itself():
    """What a merge leaves where it could not decide."""
    marks = (b"\n<<<<<<" + b"< ", b"\n>>>>>>" + b"> ")
    left = [
        str(path.relative_to(ROOT))
        for path in committed_files()
        if path.is_file() and any(mark in path.read_bytes() for mark in marks)
    ]
    assert left == []


def test_the_locks_fit_their_inputs_and_name_no_download_address():
    done = subprocess.run(
        [sys.executable, "scripts/check_locks.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_package_declares_is_what_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[=<>~\[ ;]", line)[0] for line in project["dependencies"]}
    assert declared == requirement_names(ROOT / "requirements" / "runtime.in")


@pytest.mark.parametrize("level", ["build", "runtime", "test", "docs", "dev"])
def test_each_dependency_has_its_reason(level):
    page = DEPENDENCIES_PAGE.read_text(encoding="utf-8")
    names = requirement_names(ROOT / "requirements" / f"{level}.in")
    assert [name for name in sorted(names) if f"| `{name}` |" not in page] == []


def test_the_changelog_knows_this_version_or_has_unreleased_changes():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog or f"## [{__version__}]" in changelog


def test_the_documented_settings_file_is_one(tmp_path):
    block = re.search(r"```toml\n(.*?)```", SETTINGS_PAGE.read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "backstory.toml"
    file.write_text(block[1], encoding="utf-8")
    assert load(file=file, environ={}).port == 9000


def test_each_decision_is_in_the_index():
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    missing = [path.name for path in folder.glob("0*.md") if f"({path.name})" not in index]
    assert missing == []


def test_each_make_target_has_its_sentence():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    assert set(phony) == set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))


def test_the_pages_of_the_api_documentation_ship_with_a_dependency():
    """Found without importing the package, which reads all of its pages into memory."""
    from importlib.util import find_spec

    (folder,) = find_spec("offapi").submodule_search_locations
    names = {path.name for path in Path(folder).iterdir()}
    assert {"swagger_bundle.js", "swagger_preset.js", "swagger_style.css"} <= names


def test_the_conformance_suite_is_pinned():
    lock = json.loads((ROOT / "tests" / "conformance" / "package-lock.json").read_text())
    suite = lock["packages"]["node_modules/@modelcontextprotocol/conformance"]
    assert suite["version"] == "0.2.0-alpha.12"
