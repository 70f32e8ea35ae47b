"""The page on telemetry names each span, attribute and metric that there is."""

import re

import reference
from backstory.observability import telemetry
from backstory.processing.steps import STEPS

PAGE = (reference.REFERENCE / "telemetry.md").read_text(encoding="utf-8")


def rows(heading):
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([\w.]+)` \|", section, re.MULTILINE)


def test_each_step_has_a_span():
    assert rows("Spans") == list(STEPS)


def test_each_metric_is_there():
    assert rows("Metrics") == [
        telemetry.STEP_SECONDS,
        telemetry.STEP_FAILURES,
        telemetry.DEPENDENCY_CHANGES,
    ]


def test_each_attribute_is_there():
    own = (telemetry.STEP, telemetry.OF, telemetry.DEPENDENCY, telemetry.STATE)
    for name in (*own, telemetry.ERROR):
        assert f"`{name}`" in PAGE
