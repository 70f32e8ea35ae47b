"""The routes of `deploy/alertmanager`, by a real Alertmanager, as far as what providers are sent."""

import contextlib
import shutil
from datetime import UTC, datetime, timedelta

import httpx
import pytest

import paging
import server_process
from observing import profile
from observing.listening import listening
from observing.pager import Pager
from observing.programs import ALERTMANAGER, alertmanager_command
from serving import until

pytestmark = pytest.mark.operations

SPEED = 300  # of everything that Alertmanager waits for
NAME = next((name for name in ALERTMANAGER if shutil.which(name)), None)
RUNBOOK = "https://backstory.example.com/runbooks/"


class Alertmanager:
    """A running one, with the pager that it tells."""

    def __init__(self, process, pager):
        self.process, self.pager = process, pager
        self.url = f"http://127.0.0.1:{process.port}"

    def tell(self, *alerts, over=False):
        """As Prometheus does; `over` says that they have ended."""
        now = datetime.now(UTC)
        end = now - timedelta(seconds=1) if over else now + timedelta(hours=1)
        times = {"startsAt": (now - timedelta(minutes=5)).isoformat(), "endsAt": end.isoformat()}
        told = [alert | times for alert in alerts]
        httpx.post(f"{self.url}/api/v2/alerts", json=told).raise_for_status()

    def alerts(self):
        """Every alert that it holds, with its status."""
        return httpx.get(f"{self.url}/api/v2/alerts").json()


@contextlib.contextmanager
def alertmanaging(folder, pager):
    with listening(pager.answer) as port:
        file = profile.write_alertmanager(folder, SPEED, f"http://127.0.0.1:{port}")

        def arguments(server):
            return alertmanager_command(folder, file, server.port)[1:]

        with server_process.running(NAME or ALERTMANAGER[0], arguments) as process:
            if process is None:
                pytest.skip(server_process.MISSING["alertmanager"])
            yield Alertmanager(process, pager)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One for all tests here; each tells of a job of its own."""
    with alertmanaging(tmp_path_factory.mktemp("alertmanager"), Pager()) as running:
        yield running


def alert(name, job, severity="critical", page="node-down", sentence="It is so.", **labels):
    return {
        "labels": {"alertname": name, "job": job, "severity": severity, "component": "node"}
        | labels,
        "annotations": {"summary": sentence, "runbook_url": f"{RUNBOOK}{page}.md"},
    }


def of(job, pager):
    """What providers were told of a job."""
    events = [one for one in paging.events(pager) if one.get("payload", {}).get("group") == job]
    made, _ = paging.alerts(pager)
    return events, [one for one in made if one["entity"] == job]


def test_what_is_critical_is_told_by_both_providers_and_ended_by_both(shared):
    down = alert("BackstoryNodeDown", "both", instance="a:1", sentence="a:1 is gone.")
    shared.tell(down)
    until(lambda: all(of("both", shared.pager)), "both tell")
    (event,), (made,) = of("both", shared.pager)
    assert event["event_action"] == "trigger"
    assert event["payload"] == event["payload"] | {
        "summary": "BackstoryNodeDown: a:1 is gone.",
        "severity": "critical",
        "class": "BackstoryNodeDown",
        "component": "node",
        "group": "both",
    }
    assert event["payload"]["custom_details"]["instances"] == "a:1"
    assert event["links"] == [{"href": f"{RUNBOOK}node-down.md", "text": "Runbook"}]
    assert made["message"] == "BackstoryNodeDown: a:1 is gone."
    assert made["priority"] == "P1"
    assert sorted(made["tags"]) == ["critical", "node"]
    assert made["details"]["runbook"] == f"{RUNBOOK}node-down.md"
    shared.tell(down, over=True)

    def ended():
        keys = [one["dedup_key"] for one in paging.events(shared.pager) if _resolves(one)]
        return event["dedup_key"] in keys and made["alias"] in paging.alerts(shared.pager)[1]

    until(ended, "both end it")


def _resolves(event):
    return event["event_action"] == "resolve"


def test_a_warning_goes_to_opsgenie_alone(shared):
    shared.tell(alert("BackstoryCacheAway", "warned", severity="warning", instance="a:1"))
    until(lambda: of("warned", shared.pager)[1], "Opsgenie tells")
    shared.tell(alert("BackstoryNodeDown", "later", instance="a:1"))
    until(lambda: all(of("later", shared.pager)), "a later one tells")  # had it been sent, it is
    events, (made,) = of("warned", shared.pager)
    assert events == []
    assert made["priority"] == "P3"


def test_many_nodes_with_one_alert_are_one_notification(shared):
    nodes = [f"node-{number}:8765" for number in range(20)]
    shared.tell(
        *(alert("BackstoryNodeDown", "many", instance=one, sentence=f"{one} x") for one in nodes)
    )

    def all_told():
        events, made = of("many", shared.pager)
        listed = events and made and events[-1]["payload"]["custom_details"]["instances"]
        return listed and sorted(listed.split(", ")) == sorted(nodes) and made[-1]

    until(all_told, "both tell of all of them")
    events, made = of("many", shared.pager)
    assert events[-1]["payload"]["summary"] == "BackstoryNodeDown: 20 alerts"
    assert len({one["dedup_key"] for one in events}) == 1
    assert len({one["alias"] for one in made}) == 1
    until(lambda: len(of("many", shared.pager)[1][-1]["description"].splitlines()) == 20, "a list")


def test_more_nodes_than_providers_take_are_counted_and_some_are_named(shared):
    nodes = [f"{'node' * 40}-{number}:8765" for number in range(60)]
    told = [alert("BackstoryNodeDown", "most", instance=one, sentence=one * 3) for one in nodes]
    shared.tell(*told)

    def all_told():
        events, made = of("most", shared.pager)  # which checks them against what is taken
        return events and made and "60 in all" in made[-1]["description"]

    until(all_told, "both tell of all of them")
    assert "60 in all" in of("most", shared.pager)[1][-1]["details"]["instances"]


def test_what_another_alert_explains_is_held_back(shared):
    explained = {
        "BackstoryNodeDown": ("BackstoryLoopLag", {"instance": "a:1"}),
        "BackstoryStoreAway": ("BackstoryErrorBudgetBurn", {"window": "1h"}),
        "BackstoryDiskLow": ("BackstoryDiskFills", {"instance": "a:1"}),
        "BackstoryStoreFull": ("BackstoryDiskFills", {"instance": "a:1"}),
        "BackstoryCertificateEndsSoon": ("BackstoryCertificateEnds", {"instance": "a:1"}),
    }
    for source, (target, labels) in explained.items():
        job = f"by-{source}"
        shared.tell(
            alert(source, job, instance="a:1"), alert(target, job, severity="warning", **labels)
        )
        until(lambda job=job: all(of(job, shared.pager)), f"{source} tells")
    states = {
        one["labels"]["job"]: one["status"]["state"]
        for one in shared.alerts()
        if one["labels"]["severity"] == "warning" and one["labels"]["job"].startswith("by-")
    }
    assert states == {f"by-{source}": "suppressed" for source in explained}


def test_an_alert_over_several_windows_is_told_of_the_fastest(shared):
    hour, quarter, days = (
        alert("BackstoryErrorBudgetBurn", "windows", window=window, sentence=window)
        for window in ("1h", "6h", "3d")
    )
    shared.tell(hour)
    until(lambda: all(of("windows", shared.pager)), "both tell")
    shared.tell(quarter, days)
    held = {
        one["labels"]["window"]: one["status"]["state"]
        for one in shared.alerts()
        if one["labels"]["job"] == "windows"
    }
    assert held == {"1h": "active", "6h": "suppressed", "3d": "suppressed"}
    assert [one["payload"]["summary"] for one in of("windows", shared.pager)[0]] == [
        "BackstoryErrorBudgetBurn: 1h"
    ]


def test_another_nodes_trouble_is_not_explained_by_a_node_that_is_away(shared):
    shared.tell(
        alert("BackstoryNodeDown", "apart", instance="a:1"),
        alert("BackstoryFilesRunOut", "apart", severity="warning", instance="b:1"),
    )
    until(lambda: len(of("apart", shared.pager)[1]) == 2, "both alerts are told")


def test_the_watchdog_is_a_heartbeat_and_pages_nobody(shared):
    shared.tell(alert("BackstoryWatchdog", "watchdog", severity="none", page="watchdog"))
    until(lambda: paging.beats(shared.pager) >= 2, "two beats")
    assert of("watchdog", shared.pager) == ([], [])


def test_long_sentences_and_odd_characters_stay_within_what_providers_take(shared):
    odd = 'quotes " and \\ and <tags> and \u2028 and ' + "very " * 400 + "long"
    shared.tell(alert("BackstoryNodeDown", "odd", instance="a:1", sentence=odd))
    until(lambda: all(of("odd", shared.pager)), "both tell")  # and both are checked by schema
    (event,), (made,) = of("odd", shared.pager)
    assert event["payload"]["summary"].startswith('BackstoryNodeDown: quotes " and \\ and <tags>')
    assert made["message"].startswith('BackstoryNodeDown: quotes " and \\ and <tags>')


def test_a_provider_that_fails_is_asked_again_until_it_takes_it(tmp_path):
    pager = Pager(failing=503)
    with alertmanaging(tmp_path, pager) as running:
        running.tell(alert("BackstoryNodeDown", "again", instance="a:1"))

        def failed():
            page = httpx.get(f"{running.url}/metrics").text
            counted = 'alertmanager_notification_requests_failed_total{integration="pagerduty"}'
            return f"{counted} 0\n" not in page and counted in page

        until(failed, "a failed request")
        pager.failing = 0
        until(lambda: all(of("again", pager)), "both tell")


def test_what_alertmanager_was_told_survives_its_restart(tmp_path):
    """It sends no second notification for what it has told, and ends what has ended."""
    pager = Pager()
    with alertmanaging(tmp_path, pager) as running:
        down = alert("BackstoryNodeDown", "restart", instance="a:1")
        running.tell(down)
        until(lambda: all(of("restart", pager)), "both tell")
        running.process.stop()
        running.process.start()
        running.tell(down, alert("BackstoryNodeDown", "new", instance="a:1"))
        until(lambda: all(of("new", pager)), "a new one is told")
        assert len(of("restart", pager)[0]) == 1
