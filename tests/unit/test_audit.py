"""The audit says what it could not look up; "nothing found" must mean "looked everywhere"."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "audit.py"

CLEAN = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "not found"}
VULNERABLE = {"name": "c", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}


@pytest.fixture
def audit(monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(report, *arguments):
        monkeypatch.setattr(module, "ask", lambda: report)
        return module.main(list(arguments)), capsys.readouterr().out

    return run


def test_a_known_vulnerability_fails_and_names_its_fix(audit):
    code, said = audit([CLEAN, SKIPPED, VULNERABLE])
    assert (code, said) == (1, "error: c 1: CVE-1, fixed in 2\n")


def test_nothing_found_is_said_only_when_every_package_was_looked_up(audit):
    assert audit([CLEAN]) == (0, "No known vulnerability in 1 packages.\n")


@pytest.mark.parametrize("report", [[CLEAN, SKIPPED], "no route to the service"])
def test_what_could_not_be_looked_up_is_said_and_fails_when_strict(audit, report):
    code, said = audit(report)
    assert code == 0
    assert "WARNING: NOT AUDITED" in said
    code, said = audit(report, "--strict")
    assert code == 1
    assert "error: NOT AUDITED" in said
