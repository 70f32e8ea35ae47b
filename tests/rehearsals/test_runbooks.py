"""Each failure that a runbook tells of is brought about, its alert fires, the page is followed, and it ends.

All of them at once, each on a node of its own, under the rules that are shipped.
"""

import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

import server_process
from drills import (
    caches,
    callers,
    clocks,
    databases,
    disks,
    extensions,
    files,
    models,
    networks,
    processes,
    slowness,
    watching,
)
from drills.drill import RUNBOOKS, SPEED, Failed, Watch
from observed import skip_where_missing
from observing.stack import ALERTMANAGER, PROMETHEUS
from pages import SHOWN_ADDRESS, Reader, blocks, commands
from serving import until

SCENES = {
    files.locked: ("store-unavailable", "error-budget"),
    files.full: ("store-full", "disk-low", "audit-fails"),
    files.damaged: ("store-corrupt", "scrub-damage"),
    networks.cut: ("store-away", "stale-answers", "part-fails"),
    networks.alone: ("cache-away", "bus-away"),
    callers.refused: ("tokens-refused",),
    callers.bounded: ("quota-reached",),
    callers.often: ("callers-throttled",),
    callers.ending: ("certificate-ends-soon", "certificate-ends"),
    processes.dying: ("workers-die", "workers-missing"),
    processes.down: ("node-down",),
    processes.stalling: ("loop-lag",),
    processes.unheard: ("log-lost",),
    processes.crowded: ("files-run-out",),
    networks.torn: ("outcome-unknown",),
    clocks.behind: ("clock-wrong",),
    extensions.careless: ("internal-errors", "memory-high"),
    extensions.looping: ("crash-loop",),
    slowness.slow: ("latency-budget",),
    slowness.few: ("busy",),
    slowness.unanswered: ("backlog",),
    watching.forgotten: ("no-nodes",),
    watching.silent: ("watchdog",),
    databases.gone: ("replica-away",),
    databases.behind: ("replica-lags",),
    databases.waiting: ("pool-exhausted",),
    databases.forbidden: ("sweep-fails",),
    caches.broken: ("cache-damaged",),
    disks.filling: ("disk-fills",),
    disks.held_back: ("write-ahead-log-large",),
    disks.unlooked_at: ("scrub-late",),
    models.unpaid: ("summaries-fail",),
    watching.unbelieved: ("notifications-fail",),
}
PAGES = {page: scene for scene, pages in SCENES.items() for page in pages}
SPEEDS = {"hurried": SPEED, "patient": 15}
PATIENT = {"audit-fails", "crash-loop"}
"""What has to happen several times within a window: one Prometheus is in less of a hurry."""
LONG = 180  # seconds: all of it happens at once, on however small a machine
SHOWN = {
    "audit-fails": r'code="store_full"',
    "outcome-unknown": r'code="outcome_unknown".*instance="127.0.0.1:8765"',
    "clock-wrong": r'instance="127.0.0.1:8765".* => -[12]\d',
    "crash-loop": r"extension: mentions of backstory.transforms, from acme-mentions 2.0",
    "internal-errors": r'code="internal".*instance="127.0.0.1:8765"',
    "memory-high": r'\{instance="127.0.0.1:8765", job="backstory"\} => [34]\d{8} ',
    "latency-budget": r'instance="127.0.0.1:8765", operation="\w+"\} => (0\.[1-9]|[1-9])',
    "busy": r'instance="127.0.0.1:8765".*route="/v1/contexts"',
    "backlog": r'instance="127.0.0.1:8765".*queue="summaries".* => [56]\d\d ',
    "no-nodes": r'\{job="prometheus"\} => 1',
    "watchdog": r"connection refused",
    "replica-away": r'dependency="replica".*instance="127.0.0.1:8765".* => 1 ',
    "replica-lags": r"SELECT count\(\*\) FROM contexts; SELECT pg_sleep",
    "pool-exhausted": r"LOCK TABLE contexts",
    "cache-damaged": r'instance="127.0.0.1:8765".*outcome="damaged"',
    "disk-fills": r'instance="127.0.0.1:8765".*\} => -\d',
    "write-ahead-log-large": r'file="wal", instance="127.0.0.1:8765".* => [23]\d{8} ',
    "scrub-late": r'instance="127.0.0.1:8765".* => 34\d{4}',
    "summaries-fail": r'fallback="refused"',
    "notifications-fail": r'\{integration="\w+"\} => (?!0 )',
    "sweep-fails": r'code="store_unavailable".*instance="127.0.0.1:8765"',
}
"""What some pages have to show, where it is not enough that they show something."""


@dataclass
class Services:
    """What nodes share."""

    postgres: object
    redis: object


def wanted(items):
    """The scenes of the pages that are to be followed in this run."""
    named = {item.callspec.params.get("name") for item in items if hasattr(item, "callspec")}
    return [scene for scene, pages in SCENES.items() if named.intersection(pages)]


@pytest.fixture(scope="module")
def drills(request, postgres_cluster, tmp_path_factory):
    """Every failure, brought about, and Prometheus over all of the nodes; nobody is told by it yet."""
    skip_where_missing()
    if postgres_cluster is None:
        pytest.skip("PostgreSQL is not installed")
    folder = tmp_path_factory.mktemp("drills")
    with ExitStack() as stack, server_process.redis() as redis:
        if redis is None:
            pytest.skip(server_process.MISSING["redis"])
        services = Services(postgres_cluster, redis)
        stack.enter_context(databases.keeping_log(postgres_cluster))

        def begin(scene):
            return stack.enter_context(scene(folder / scene.__name__, services))

        with ThreadPoolExecutor(4) as pool:
            # First those of which more has to be seen.
            scenes = sorted(wanted(request.session.items), key=is_hurried)
            begun = {scene: pool.submit(begin, scene) for scene in scenes}
            watches = {}
            for name in ("patient", "hurried"):
                targets = targets_of(name, begun)
                watch = Watch(folder / name, SPEEDS[name])
                watches[name] = stack.enter_context(watch.over(targets))
        found = {scene: one.result() for scene, one in begun.items()}
        found[None] = Failed("", lambda: stack.enter_context(watches["hurried"].told()))
        yield watches, found


def is_hurried(scene):
    return PATIENT.isdisjoint(SCENES[scene])


def targets_of(watch, begun):
    """The nodes whose failures a Prometheus is there for."""
    scenes = [scene for page, scene in PAGES.items() if (page in PATIENT) == (watch == "patient")]
    nodes = [begun[scene].result() for scene in dict.fromkeys(scenes) if scene in begun]
    return [one.target for one in nodes if one.watch is None]


@pytest.fixture(scope="module")
def mended(drills):
    """All of it is mended, as the pages say."""
    _, found = drills
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: one.mend(), found.values()))
    return drills


def shown_by(page):
    """What a page has Prometheus asked."""
    typed = [command for block in blocks(page) for command, _ in commands(block.text)]
    return re.findall(r"promtool query instant \S+ '([^']+)'", "\n".join(typed))


def follow(page, watch, one, folder):
    """Type what the page says; commands that tell of a failure may end with another code than 0."""
    folder.mkdir()
    addresses = {PROMETHEUS: watch.address, ALERTMANAGER: watch.alertmanager}
    addresses |= ({SHOWN_ADDRESS: one.target} if one.node else {}) | one.addresses
    variables = {"BACKSTORY_STORE": one.store} | one.variables
    reader = Reader(folder, addresses, variables, lenient=True)
    try:
        for block in blocks(page):
            reader.do(block)
    finally:
        reader.close()
    return reader.printed


def at(drills, name):
    watches, found = drills
    one = found[PAGES.get(name)]
    return one.watch or watches["patient" if name in PATIENT else "hurried"], one


NAMES = [*PAGES, "alertmanager-away"]


def test_the_list_of_runbooks_says_which_are_rehearsed():
    _, _, part = (
        (RUNBOOKS / "README.md").read_text("utf-8").partition("Which of them are rehearsed")
    )
    assert re.findall(r"\[([\w-]+)\]\(\1\.md\)", part) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_alert_fires_and_its_page_shows_what_is_wrong(name, drills, tmp_path):
    watch, one = at(drills, name)
    page = RUNBOOKS / f"{name}.md"
    until(lambda: watch.fires(name, one.target), f"the alert of {name}", LONG)
    folders = (tmp_path / str(number) for number in itertools.count())

    def shows():
        printed = follow(page, watch, one, next(folders))
        if name in SHOWN:
            return re.search(SHOWN[name], printed)
        return any(watch.asked(query) for query in shown_by(page))

    until(shows, f"what {name} shows", LONG)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_over_once_it_is_mended_as_the_page_says(name, mended):
    watch, one = at(mended, name)
    until(lambda: not watch.fires(name, one.target), f"the end of {name}", LONG)
