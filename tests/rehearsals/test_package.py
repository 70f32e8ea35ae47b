"""The wheel and the source distribution: whole, and the same each time."""

import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from backstory import __version__
from serving import SECONDS

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"


def build(folder):
    subprocess.run([ROOT / "scripts" / "package", folder], check=True, timeout=5 * SECONDS)
    return {file.name: file for file in folder.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("dist"))


def test_two_builds_are_the_same(built, tmp_path):
    again = build(tmp_path)
    assert set(again) == {
        f"backstory-{__version__}.tar.gz",
        f"backstory-{__version__}-py3-none-any.whl",
    }
    for name, file in built.items():
        assert again[name].read_bytes() == file.read_bytes(), name


def test_the_wheel_holds_every_file_of_the_package_and_its_licence(built):
    with zipfile.ZipFile(built[f"backstory-{__version__}-py3-none-any.whl"]) as wheel:
        names = set(wheel.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "src/backstory"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert {file.removeprefix("src/") for file in tracked} <= names
    rest = {name for name in names if not name.startswith("backstory/")}
    assert any(name.endswith("licenses/LICENSE") for name in rest)
    assert any(name.endswith("entry_points.txt") for name in rest)
    assert len(rest) == 5


def test_the_source_distribution_can_be_built_and_locked_from(built):
    with tarfile.open(built[f"backstory-{__version__}.tar.gz"]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    wanted = ("pyproject.toml", "README.md", "LICENSE", "requirements/runtime.txt", "Makefile")
    assert set(wanted) <= names
