"""What the regular assessment tells: of attacks, of secrets, and of what is installed."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


RESULTS = """<testsuites><testsuite>
<testcase classname="tests.attacks.test_a" name="test_new"><failure>x</failure></testcase>
<testcase classname="tests.attacks.test_a" name="test_old"><error>x</error></testcase>
<testcase classname="tests.attacks.test_a" name="test_mended"/>
<testcase classname="tests.attacks.test_b" name="test_left"><skipped/></testcase>
<testcase classname="tests.attacks.test_b" name="test_first"/>
<testcase classname="tests.attacks.test_b" name="test_first"/>
</testsuite></testsuites>"""


def test_a_report_tells_what_has_changed_since_the_last_one():
    attack = script("attack")
    tests = attack.read(RESULTS)
    a, b = "tests/attacks/test_a.py::test_", "tests/attacks/test_b.py::test_"
    then = {f"{a}new": "passed", f"{a}old": "failed", f"{a}mended": "failed", f"{b}left": "passed"}
    about = {"commit": "abc", "examples": 5, "seconds": 1}
    before = {"at": "2026-01-01T00:00:00Z", "tests": then} | about
    now = {"at": "2026-01-02T00:00:00Z", "tests": tests} | about
    changes = attack.compared(now, before)
    assert changes == {
        "came through": [f"{a}new"],
        "still come through": [f"{a}old"],
        "refused again": [f"{a}mended"],
        "no longer tried": [f"{b}left"],
        "tried for the first time": [f"{b}first", f"{b}first 2"],
    }
    text = attack.told(now, before, changes)
    assert "3 refused, 2 came through, 1 not tried" in text
    assert "Compared with 2026-01-01T00:00:00Z" in text
    assert f"  * `{a}new`" in text
    assert "no earlier report" in attack.told(now, None, attack.compared(now, None))


LEAKS = {
    "Private Key": "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIE\n",
    "GitHub Token": "token = 'ghp" + "_abcdefghijklmnopqrstuvwxyz0123456789'\n",
    "AWS Access Key": "key = 'AKIA" + "QQQQQQQQQQQQQQQQ'\n",
    "Basic Auth Credentials": "url = 'postgresql://backstory:" + "hunter2@db.corp.example/x'\n",
}


@pytest.mark.parametrize("kind", LEAKS)
def test_a_secret_in_a_file_is_found_and_not_shown(tmp_path, monkeypatch, capsys, kind):
    scan = script("secret_scan")
    (tmp_path / "code.py").write_text(LEAKS[kind])
    (tmp_path / "accepted.json").write_text("[]")
    monkeypatch.setattr(scan, "ROOT", tmp_path)
    monkeypatch.setattr(scan, "BASELINE", tmp_path / "accepted.json")
    monkeypatch.setattr(scan, "files", lambda: ["code.py"])
    assert scan.main([]) == 1
    said = capsys.readouterr().out
    assert f"code.py: {kind}" in said
    assert LEAKS[kind].strip() not in said
    assert scan.main(["--accept"]) == 0
    assert scan.main([]) == 0
    kept = (tmp_path / "accepted.json").read_text()
    assert "hunter2" not in kept
    assert len(json.loads(kept)) == 1


def test_the_bill_of_materials_holds_what_is_locked(tmp_path, monkeypatch):
    sbom = script("sbom")
    monkeypatch.setattr(sbom, "ROOT", tmp_path)
    monkeypatch.setattr(sbom, "own_version", lambda: "1.0")
    monkeypatch.setattr(sbom, "OUT", tmp_path / "build" / "sbom.cdx.json")
    assert sbom.main([]) == 0
    first = sbom.OUT.read_bytes()
    made = json.loads(first)
    by_name = {each["name"]: each for each in made["components"]}
    assert made["bomFormat"] == "CycloneDX"
    assert by_name["mcp"]["purl"].startswith("pkg:pypi/mcp@")
    assert by_name["mcp"]["hashes"][0]["alg"] == "SHA-256"
    assert by_name["mcp"]["licenses"]
    top = next(each for each in made["dependencies"] if each["ref"] == "backstory==1.0")
    assert by_name["mcp"]["bom-ref"] in top["dependsOn"]
    assert sbom.main([]) == 0
    assert sbom.OUT.read_bytes() == first


def test_the_nightly_assessment_calls_tasks_that_there_are():
    workflow = (ROOT / ".github" / "workflows" / "security.yml").read_text(encoding="utf-8")
    tasks = (ROOT / "Makefile").read_text(encoding="utf-8")
    called = [
        line.split("make ")[1].split()[0] for line in workflow.splitlines() if "run: make" in line
    ]
    assert {"check", "audit", "attack", "sbom"} <= set(called)
    assert [task for task in called if f"\n{task}: ##" not in tasks] == []
