"""The page on telemetry names each span, attribute and metric that there is."""

import re

import docs_tables
from backstory.observability import otlp_metrics, traces
from backstory.ports.events import PARTS
from backstory.processing.steps import STEPS

PAGE = (docs_tables.REFERENCE / "telemetry.md").read_text(encoding="utf-8")


def rows(heading):
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([\w.]+)` \|", section, re.MULTILINE)


def test_each_part_and_step_has_a_span():
    assert rows("Spans") == [*PARTS, *STEPS]


def test_each_metric_is_there():
    assert rows("Metrics") == [
        otlp_metrics.STEP_SECONDS,
        otlp_metrics.STEP_FAILURES,
        otlp_metrics.DEPENDENCY_CHANGES,
    ]


def test_each_attribute_is_there():
    own = (traces.STEP, traces.OF, otlp_metrics.DEPENDENCY, otlp_metrics.STATE)
    for name in (*own, otlp_metrics.ERROR, traces.ERROR):
        assert f"`{name}`" in PAGE
