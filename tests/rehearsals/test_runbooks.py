"""Each failure that a runbook tells of is brought about, its alert fires, the page is followed, and it ends.

All of them at once, each on a node of its own, under the rules that are shipped.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

import server_process
from drills import callers, databases, files, networks, processes
from drills.drill import RUNBOOKS, Failed, Watch
from observed import skip_where_missing
from observing.stack import ALERTMANAGER, PROMETHEUS
from pages import SHOWN_ADDRESS, Reader, blocks, commands
from postgres_server import free_port
from serving import until

SCENES = {
    files.locked: ("store-unavailable", "error-budget"),
    files.full: ("store-full", "disk-low"),
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
    databases.gone: ("replica-away",),
    databases.behind: ("replica-lags",),
    databases.waiting: ("pool-exhausted",),
    databases.forbidden: ("sweep-fails",),
}
PAGES = {page: scene for scene, pages in SCENES.items() for page in pages}


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
            scenes = wanted(request.session.items)
            found = dict(zip(scenes, pool.map(begin, scenes), strict=True))
        watch = stack.enter_context(Watch(folder, free_port()).over(found.values()))
        found[None] = Failed("", lambda: stack.enter_context(watch.told()))
        yield watch, found


@pytest.fixture(scope="module")
def mended(drills):
    """All of it is mended, as the pages say."""
    _, found = drills
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: one.mend(), found.values()))
    return drills


def shown_by(page):
    """What a page has Prometheus asked."""
    typed = [command for block in blocks(page) for command, _ in commands(block.text)]
    return re.findall(r"promtool query instant \S+ '([^']+)'", "\n".join(typed))


def follow(page, watch, one, folder):
    """Type what the page says; commands that tell of a failure may end with another code than 0."""
    addresses = {PROMETHEUS: watch.address, ALERTMANAGER: watch.alertmanager}
    addresses |= {SHOWN_ADDRESS: one.scraped or one.node} if one.node else {}
    addresses |= one.addresses
    reader = Reader(folder, addresses, {"BACKSTORY_STORE": one.store}, lenient=True)
    try:
        for block in blocks(page):
            reader.do(block)
    finally:
        reader.close()


def at(drills, name):
    watch, found = drills
    return watch, found[PAGES.get(name)], RUNBOOKS / f"{name}.md"


NAMES = [*PAGES, "alertmanager-away"]


def test_the_list_of_runbooks_says_which_are_rehearsed():
    _, _, part = (
        (RUNBOOKS / "README.md").read_text("utf-8").partition("Which of them are rehearsed")
    )
    assert re.findall(r"\[([\w-]+)\]\(\1\.md\)", part) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_alert_fires_and_its_page_shows_what_is_wrong(name, drills, tmp_path):
    watch, one, page = at(drills, name)
    until(lambda: watch.fires(name), f"the alert of {name}")
    follow(page, watch, one, tmp_path)
    assert any(watch.asked(query) for query in shown_by(page))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_over_once_it_is_mended_as_the_page_says(name, mended):
    watch, _, _ = at(mended, name)
    until(lambda: not watch.fires(name), f"the end of {name}")
