"""`make observe`: what is alerted, what runbooks show, and what Prometheus thinks of our metrics."""

import json
import os
import re
import signal
import subprocess
import sys
import threading

import httpx
import pytest

import paging
import postgres_server
from observed import asked, observing, skip_where_missing
from observing import stack as stack_addresses
from observing.stack import Wanted
from pages import DOCS, ROOT, SHOWN_DATABASE, SHOWN_STANDBY, Reader, blocks
from serving import SECONDS, until

pytestmark = pytest.mark.operations

RUNBOOKS = sorted((DOCS / "runbooks").glob("[!R]*.md"))
TUTORIAL = DOCS / "tutorials" / "from-alert-to-log.md"


def do_all(page, reader):
    for block in blocks(page):
        try:
            reader.do(block)
        except AssertionError as error:
            raise AssertionError(f"{page.relative_to(ROOT)}:{block.line}\n{error}") from None


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A server under a load, with Prometheus, Alertmanager and a pager."""
    folder = tmp_path_factory.mktemp("observe")
    with observing(Wanted(folder / ".backstory" / "observe")) as running:
        yield running


@pytest.fixture(scope="module")
def scraped(stack):
    """Until Prometheus has seen the load twice, so that rates are there."""
    until(lambda: asked(stack, "sum(rate(backstory_requests_total[5s])) > 0"), "a rate")
    return stack


def test_promtool_has_no_complaint_of_the_page_of_metrics(scraped):
    page = httpx.get(f"http://{scraped.node}/metrics").content
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, b"", b"")


def test_every_rule_is_evaluated_without_a_complaint(scraped):
    def evaluated():
        groups = httpx.get(f"http://{scraped.prometheus}/api/v1/rules").json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert [rule for rule in rules if rule["health"] == "err"] == []
        return rules and all(rule["health"] == "ok" for rule in rules)

    until(evaluated, "a look at every rule")


def test_what_callers_do_wrong_is_no_failure_of_the_server(scraped):
    until(lambda: asked(scraped, 'sum(backstory_errors_total{code="not_found"}) > 3'), "mistakes")
    ratio = "job:backstory_failures:ratio_rate5m"
    until(lambda: asked(scraped, ratio) == [0], "a moment without a failure, among mistakes")


MISTAKES = {"missing 404", "garbled 400", "conflict 412", "other kind 409", "no room 422"}


def test_the_load_is_taken_but_for_its_mistakes(stack):
    words = ["--seconds", "4", "--users", "4", "--seed", "7", "--wait", "30"]
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "load", f"http://{stack.node}", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    counts = json.loads(done.stdout)
    refused = {act for act in counts if re.search(r" ([45]\d\d|away)$", act)}
    assert refused <= MISTAKES
    assert {"append 200", "read 200", "read again 304", "stream 200", "poll 200"} <= set(counts)
    assert {"mcp tools/call 200", "write content 200", "missing 404"} <= set(counts)


@pytest.fixture
def database(postgres):
    """The address of a PostgreSQL server with an empty database `backstory`."""
    with postgres_server.database(postgres, "backstory") as address:
        yield address


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_what_a_runbook_shows_can_be_done(page, scraped, tmp_path, request):
    variables = {"BACKSTORY_STORE": f"sqlite:///{scraped.folder / 'backstory.db'}"}
    shown = [one for one in (SHOWN_DATABASE, SHOWN_STANDBY) if one in page.read_text("utf-8")]
    there = {one: request.getfixturevalue("database") for one in shown}
    reader = Reader(tmp_path, scraped.addresses() | there, variables)
    try:
        do_all(page, reader)
    finally:
        reader.close()


def test_alerts_wait_for_an_alertmanager_that_was_away(stack):
    """One more thing that may be down while something burns: it tells once it is back."""
    by_name = {program.name: program for program in stack.programs}
    alertmanager, server = by_name["alertmanager"], by_name["server"]
    alertmanager.pause()
    server.pause()
    name = 'ALERTS{alertname="%s", alertstate="firing"}'
    until(lambda: asked(stack, name % "BackstoryNodeDown"), "the alert of the node")
    until(lambda: asked(stack, name % "BackstoryAlertmanagerAway"), "the alert of Alertmanager")
    assert told(stack, "BackstoryNodeDown") == []
    alertmanager.resume()
    until(lambda: told(stack, "BackstoryNodeDown"), "the page")
    server.resume()
    until(lambda: "resolve" in told(stack, "BackstoryNodeDown"), "the end of it")


def told(stack, name):
    """What PagerDuty was told of an alert."""
    events = paging.events(stack.pager)
    keys = {one["dedup_key"] for one in events if one.get("payload", {}).get("class") == name}
    return [one["event_action"] for one in events if one["dedup_key"] in keys]


class Observed:
    """`make observe`, as somebody types it, and the lines that it has said."""

    def __init__(self, folder):
        words = ["--json", "--folder", str(folder), "--port", "0"]
        words += ["--prometheus-port", "0", "--alertmanager-port", "0"]
        self.process = subprocess.Popen(
            ["make", "--silent", "observe", f"ARGS={' '.join(words)}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.lines = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        self.lines.extend(self.process.stdout)  # a line after the other, as they come

    def says(self, begin):
        until(lambda: self.process.poll() is not None or self._said(begin), begin)
        return self._said(begin)[0]

    def _said(self, begin):
        return [line for line in list(self.lines) if line.startswith(begin)]

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        self.process.stdout.close()


def test_a_port_that_is_taken_stops_it_with_a_word(tmp_path, stack):
    port = stack.node.rpartition(":")[2]
    words = ["--port", port, "--folder", str(tmp_path / "other")]
    done = subprocess.run(
        [sys.executable, "-m", "observing", *words],
        cwd=ROOT / "scripts",
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: port {port} cannot be had, choose another")


@pytest.mark.timeout(300)  # it waits for alerts to begin and to end
def test_the_tutorial_leads_from_an_alert_to_a_line_of_the_log(tmp_path):
    skip_where_missing()
    observed = Observed(tmp_path / ".backstory" / "observe")
    reader = None
    try:
        where = json.loads(observed.says("{"))
        addresses = (where["node"], where["prometheus"], where["alertmanager"])
        shown = (stack_addresses.NODE, stack_addresses.PROMETHEUS, stack_addresses.ALERTMANAGER)
        reader = Reader(tmp_path, dict(zip(shown, addresses, strict=True)))
        do_all(TUTORIAL, reader)
        for told in ("PagerDuty trigger", "Opsgenie  P1", "PagerDuty resolve"):
            assert observed.says(f"{told}: BackstoryStoreUnavailable: ")
        os.killpg(observed.process.pid, signal.SIGINT)  # as Ctrl-C does
        observed.process.wait(SECONDS)
    finally:
        if reader is not None:
            reader.close()
        observed.close()
    for address in addresses:
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://{address}/")
