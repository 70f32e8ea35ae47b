"""Attacks the server with everything there is, and tells what has changed since the last time.

The report stands in `build/attacks/` under its time, as Markdown for people and as JSON, which the
next run compares itself with. The exit code is 1 where an attack came through.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "attacks"
SUITES = ("tests/attacks", "tests/integration/test_bad_input.py", "tests/property/test_tenants_apart.py")  # fmt: skip
EXAMPLES = 500
Report = dict[str, Any]


def run(examples: int, more: list[str]) -> Report:
    """Run all of it; what each test came to."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    results = FOLDER / "results.xml"
    results.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "--timeout", "3600"),
        *("--junit-xml", str(results), "-o", "junit_family=xunit1", *SUITES, *more),
    ]
    environment = {**os.environ, "BACKSTORY_TEST_FUZZ_EXAMPLES": str(examples)}
    begun = time.time()
    subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if not results.exists():
        sys.exit("error: pytest did not run")
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begun)),
        "commit": commit(),
        "examples": examples,
        "seconds": round(time.time() - begun),
        "tests": read(results.read_text(encoding="utf-8")),
    }


def read(xml: str) -> dict[str, str]:
    """Each test with `passed`, `failed` or `skipped`; those of one name are numbered."""
    found: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for case in ET.fromstring(xml).iter("testcase"):  # noqa: S314 -- pytest wrote it
        kinds = {child.tag for child in case}
        failed, skipped = kinds & {"failure", "error"}, "skipped" in kinds
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        seen[name] += 1
        numbered = name if seen[name] == 1 else f"{name} {seen[name]}"
        found[numbered] = "failed" if failed else "skipped" if skipped else "passed"
    return found


def commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def last() -> Report | None:
    """The newest report before this one."""
    files = sorted(FOLDER.glob("*.json"))
    return json.loads(files[-1].read_text(encoding="utf-8")) if files else None


def compared(report: Report, before: Report | None) -> dict[str, list[str]]:
    """What is otherwise than the last time."""
    now = report["tests"]
    then = before["tests"] if before else {}
    failed = {name for name, outcome in now.items() if outcome == "failed"}
    failed_then = {name for name, outcome in then.items() if outcome == "failed"}
    return {
        "came through": sorted(failed - failed_then),
        "still come through": sorted(failed & failed_then),
        "refused again": sorted(n for n in failed_then if now.get(n) == "passed"),
        "no longer tried": sorted(
            n for n in then if now.get(n, "skipped") == "skipped" and then[n] != "skipped"
        ),
        "tried for the first time": sorted(set(now) - set(then)) if before else [],
    }


def told(report: Report, before: Report | None, changes: dict[str, list[str]]) -> str:
    """The report for people."""
    counts = Counter(report["tests"].values())
    files: dict[str, Counter[str]] = {}
    for name, outcome in report["tests"].items():
        files.setdefault(name.partition("::")[0], Counter())[outcome] += 1
    lines = [
        f"# Attacks of {report['at']}",
        "",
        (
            f"Commit {report['commit']}, {report['examples']} tries of each fuzzer, {report['seconds']} s: "
            f"{counts['passed']} refused, {counts['failed']} came through, {counts['skipped']} not tried."
        ),
        "",
        "| suite | refused | came through | not tried |",
        "| --- | --- | --- | --- |",
        *(
            f"| {f} | {c['passed']} | {c['failed']} | {c['skipped']} |"
            for f, c in sorted(files.items())
        ),
        "",
        f"Compared with {before['at']}, commit {before['commit']}:"
        if before
        else "There is no earlier report.",
        "",
    ]
    for title, names in changes.items():
        lines += [f"* {title}: {len(names)}", *(f"  * `{name}`" for name in names[:50])]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="tries of each fuzzer")
    options, more = parser.parse_known_args()
    before = last()
    report = run(options.examples, more)
    changes = compared(report, before)
    name = report["at"].replace(":", "")
    (FOLDER / f"{name}.json").write_text(json.dumps(report | {"changes": changes}, indent=1) + "\n")
    text = told(report, before, changes)
    (FOLDER / f"{name}.md").write_text(text)
    print(text)
    print(f"build/attacks/{name}.md")
    return 1 if "failed" in report["tests"].values() else 0


if __name__ == "__main__":
    sys.exit(main())
