"""Are the lock files what their inputs say, complete, and free of download addresses?

Works without network. A lock that names a registry would send everybody who installs
from it to that registry, so none may.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from lock_inputs import REQUIREMENTS, digest

ROOT = REQUIREMENTS.parent
LEVELS = ("runtime", "test", "dev")
APART = (
    "peers",
    "plots",
)  # what `make bench` is measured against and drawn by, each in an environment of its own
NPM_LOCKS = (
    ROOT / "tests" / "conformance" / "package-lock.json",
    ROOT / "tests" / "kubernetes" / "package-lock.json",
    ROOT / "benchmarks" / "vocabularies" / "package-lock.json",
    ROOT / "benchmarks" / "peers" / "package-lock.json",
)
ADDRESS = re.compile(
    r"(https?|git|ssh|file|ftp)(\+[a-z]+)?://|^\s*(-i|-f|--index|--extra-index|--find-links)"
)
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.IGNORECASE)


def pins(text: str) -> dict[str, str]:
    """Name to version of everything that a lock file pins."""
    return {m[1]: m[2] for line in text.splitlines() if (m := PIN.match(line))}


def unhashed(text: str) -> Iterator[str]:
    """Names of pins that carry no hash."""
    for block in re.split(r"\n(?=\S)", text):
        if (match := PIN.match(block)) and "--hash=sha256:" not in block:
            yield match[1]


def faults_of_python_locks() -> Iterator[str]:
    smaller: dict[str, str] = {}
    for level in LEVELS:
        locked = pins((REQUIREMENTS / f"{level}.txt").read_text(encoding="utf-8"))
        yield from faults_of_python_lock(level)
        for name, version in smaller.items():
            if locked.get(name) != version:
                yield f"{level}.txt: {name} is {locked.get(name)}, in the smaller lock {version}"
        smaller = locked
    for level in APART:
        yield from faults_of_python_lock(level)


def faults_of_python_lock(level: str) -> Iterator[str]:
    path = REQUIREMENTS / f"{level}.txt"
    text = path.read_text(encoding="utf-8")
    if f"# inputs: {digest(level)}\n" not in text:
        yield f"{path.name} was not made from {level}.in as it stands; run `make lock`"
    for number, line in enumerate(text.splitlines(), 1):
        if ADDRESS.search(line):
            yield f"{path.name}:{number} names a download address: {line.strip()}"
    for name in unhashed(text):
        yield f"{path.name}: {name} has no hash"


def faults_of_npm_lock(path: Path) -> Iterator[str]:
    """`funding` links are facts about a package; `resolved` is where to download it."""
    place = path.relative_to(ROOT)
    lock = json.loads(path.read_text(encoding="utf-8"))
    wanted = json.loads(path.with_name("package.json").read_text(encoding="utf-8"))
    if lock["packages"][""].get("dependencies") != wanted["dependencies"]:
        yield f"{place} does not fit package.json; run `make lock`"
    for name, package in lock["packages"].items():
        if name and "integrity" not in package:
            yield f"{place}: {name} has no integrity hash"
        if {"resolved", "funding"} & package.keys():
            yield f"{place}: {name} carries an address; run `make lock`"


def main() -> int:
    faults = list(faults_of_python_locks())
    for path in NPM_LOCKS:
        faults += faults_of_npm_lock(path)
    for fault in faults:
        print(f"error: {fault}")
    if not faults:
        print("The locks fit their inputs, are hashed and name no download address.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
