"""Packages with entry points, as an installer leaves them in a folder."""

import importlib
import shutil
import subprocess
import sys

import pytest

PACKAGE, VERSION = "acme-things", "1.2"


def install(folder, points, package=PACKAGE, version=VERSION, **modules):
    """A package of modules, name to source; `points` is group to name to `module:maker`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    about = folder / f"{package.replace('-', '_')}-{version}.dist-info"
    about.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    (about / "METADATA").write_text(metadata, encoding="utf-8")
    lines = []
    for group, names in points.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in names.items())]
    (about / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


OFFLINE = ("--no-deps", "--no-build-isolation", "--no-index")
"""The build backend is there, and nothing else is needed."""


def install_from(source, target):
    """Builds a package as anybody would, and installs it into the target folder."""
    copy = shutil.copytree(source, target.with_name(f"{target.name}-source"))
    pip("install", *OFFLINE, "--target", str(target), str(copy))
    return target


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs packages for this process, until the test ends."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a module may change within a second

    def here(points, **more):
        forget(folder)
        return install(folder, points, **more)

    here.folder = folder
    here.forget = lambda: forget(folder)
    yield here
    forget(folder)


def forget(folder):
    """What was loaded from the folder is loaded anew the next time."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(folder)):
            del sys.modules[name]
    importlib.invalidate_caches()
