"""Known vulnerabilities of every locked package, and which could not be looked up.

pip-audit calls a package that the service does not answer for "skipped" and exits
with 0, and ends in a traceback without network. Neither may read as "nothing found":
here both are said in so many words, and fail with `--strict`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = "requirements/dev.txt"  # holds the smaller locks
TIMEOUT_SECONDS = 300


def ask() -> list[dict[str, Any]] | str:
    """Each locked package as pip-audit reports it, or why there is no report."""
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", LOCK, "--require-hashes"),
        *("--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "15"),
    ]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return f"no answer within {TIMEOUT_SECONDS} s"
    except (ValueError, KeyError):
        return (done.stderr.strip().splitlines() or ["no output"])[-1]
    return packages


def unknown(strict: bool, sentence: str) -> int:
    print(f"{'error' if strict else 'WARNING'}: NOT AUDITED: {sentence}")
    print("Run `make audit` where the vulnerability service can be reached.")
    return 1 if strict else 0


def main(arguments: list[str]) -> int:
    strict = "--strict" in arguments
    packages = ask()
    if isinstance(packages, str):
        return unknown(strict, f"the vulnerability service could not be reached ({packages})")
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        for found in package["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no release yet"
            print(f"error: {package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    if vulnerable:
        return 1
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if skipped:
        of = f"{len(skipped)} of {len(packages)} packages"
        return unknown(strict, f"the vulnerability service has no answer for {of}")
    print(f"No known vulnerability in {len(packages)} packages.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
