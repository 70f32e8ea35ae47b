"""The rules of `deploy/prometheus`, by promtool, and that each alert has its runbook."""

import re
import subprocess

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

import server_process
from backstory.errors import BackstoryError
from backstory.observability.catalogue import LOOKED_AT, METRICS
from pages import DOCS, ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOKS = DOCS / "runbooks"
ADDRESS = "https://backstory.example.com/runbooks/"
SECTIONS = ["What users feel", "Look", "Mend", "Over when"]
SEVERITIES = {"critical", "warning", "none"}
COMPONENTS = {"alerting", "bus", "cache", "callers", "models", "node", "store", "tls"}
RULES = [
    rule
    for file in sorted((PROMETHEUS / "rules").glob("*.yml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]


def promtool(*arguments, **options):
    if server_process.program("promtool") is None:
        pytest.skip(server_process.MISSING["prometheus"])
    done = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def page_of(alert):
    return alert["annotations"]["runbook_url"].removeprefix(ADDRESS)


def test_prometheus_takes_its_file_and_the_rules():
    said = promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))
    assert f"{len(list((PROMETHEUS / 'rules').glob('*.yml')))} rule files found" in said


@pytest.mark.parametrize("name", sorted(path.stem for path in (PROMETHEUS / "tests").glob("*.yml")))
def test_rules_do_what_their_tests_say(name):
    assert "SUCCESS" in promtool("test", "rules", str(PROMETHEUS / "tests" / f"{name}.yml"))


def test_each_file_of_rules_is_tested():
    tested = {
        file.removeprefix("../")
        for path in (PROMETHEUS / "tests").glob("*.yml")
        for file in yaml.safe_load(path.read_text())["rule_files"]
    }
    assert tested == {f"rules/{path.name}" for path in (PROMETHEUS / "rules").glob("*.yml")}


def test_each_alert_is_tested_firing_and_quiet():
    seen = {"firing": set(), "quiet": set()}
    for file in (PROMETHEUS / "tests").glob("*.yml"):
        for case in yaml.safe_load(file.read_text())["tests"]:
            for look in case["alert_rule_test"]:
                seen["firing" if look["exp_alerts"] else "quiet"].add(look["alertname"])
    names = {alert["alert"] for alert in ALERTS}
    always = {"BackstoryWatchdog"}
    assert names - seen["firing"] == set()
    assert names - seen["quiet"] - always == set()


def test_each_alert_says_how_bad_it_is_what_it_is_of_and_a_sentence():
    for alert in ALERTS:
        assert alert["labels"]["severity"] in SEVERITIES, alert
        assert alert["labels"]["component"] in COMPONENTS, alert
        assert re.fullmatch(r"[A-Z{].*\.", alert["annotations"]["summary"]), alert
        assert alert["alert"].startswith("Backstory")


def test_each_alert_leads_to_a_runbook_that_names_it_and_each_runbook_has_its_alert():
    named = {}
    for alert in ALERTS:
        assert alert["annotations"]["runbook_url"].startswith(ADDRESS)
        named.setdefault(page_of(alert), set()).add((alert["alert"], alert["labels"]["severity"]))
    assert set(named) == {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}
    for page, alerts in named.items():
        opening = (RUNBOOKS / page).read_text().split("\n## ")[0]
        for name, severity in alerts:
            assert re.search(rf"`{name}`, {severity}\b", opening), f"{page}: {name}, {severity}"


def test_the_list_of_runbooks_is_that_of_the_alerts():
    listed = re.findall(
        r"^\| `(\w+)` \| (\w+) \| \[.*?\]\((.*?)\) \|",
        (RUNBOOKS / "README.md").read_text(),
        re.MULTILINE,
    )
    wanted = {(one["alert"], one["labels"]["severity"], page_of(one)) for one in ALERTS}
    assert sorted(listed) == sorted(wanted)


def test_each_runbook_says_what_is_felt_how_to_look_to_mend_and_to_know_the_end():
    for page in RUNBOOKS.glob("*.md"):
        if page.name != "README.md":
            text = page.read_text()
            assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS, page
            assert "```console\n$ " in text, page


def test_rules_ask_only_for_metrics_that_there_are():
    there = {metric.name for metric in (*METRICS, *LOOKED_AT)}
    there |= {f"{metric.name}_{part}" for metric in METRICS for part in ("bucket", "count", "sum")}
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    asked = {
        name
        for rule in RULES
        for name in re.findall(r"(?<![\w:])(?:backstory|process)_\w+(?![\w:])", rule["expr"])
    }
    assert asked - there == set()
    used = {name for rule in RULES for name in re.findall(r"\w+:\w+:\w+", rule["expr"])}
    assert used == recorded


def test_promtool_has_no_complaint_of_any_metric_that_there_may_be():
    """A server's own page has only what it has counted so far."""
    registry = CollectorRegistry()
    kinds = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
    for metric in (*METRICS, *LOOKED_AT):
        made = kinds[metric.kind](metric.name, metric.meaning, metric.labels, registry=registry)
        if metric.labels:
            made.labels(*("x" for _ in metric.labels))
    promtool("check", "metrics", input=generate_latest(registry).decode())


def test_long_windows_are_compared_with_what_the_histogram_counts():
    (bound,) = {
        found
        for rule in RULES
        for found in re.findall(r'request_seconds_bucket\{le="([\d.]+)"', rule["expr"])
    }
    (metric,) = [metric for metric in METRICS if metric.name == "backstory_request_seconds"]
    assert float(bound) in metric.buckets


def test_what_counts_as_failed_over_mcp_is_what_is_5xx_over_rest():
    (counted,) = {
        codes
        for rule in RULES
        if rule.get("record", "").startswith("job:backstory_failures:")
        for codes in re.findall(r'mcp_calls_total\{code=~"(.*?)"', rule["expr"])
    }
    unseen = {
        "backup_unusable",
        "store_in_use",
        "bus_unavailable",
        "cache_unavailable",
        "config_invalid",
    }  # no caller is answered so
    for error in all_errors():
        if error.code not in unseen:
            right = bool(re.fullmatch(counted, error.code)) == (error.status >= 500)
            assert right, f"{error.code} is {error.status}: see the codes in rules/budgets.yml"


def all_errors(root=BackstoryError):
    yield root
    for below in root.__subclasses__():
        yield from all_errors(below)
