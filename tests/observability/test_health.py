"""What `/healthz` tells of the surroundings, and how soon `/readyz` falls."""

import asyncio
import socket
import sqlite3

import pytest

from backstory import limits
from backstory.config import load
from backstory.observability.health import backlog, disks, ends, reaching
from backstory.observability.health.clocks import ClockWatch
from backstory.resilience.checking import Checks, Dependency, Look
from backstory.wiring.reached import places, servers
from serving import serving, until


async def test_a_disk_without_room_fails_and_one_that_is_nearly_full_is_warned_of(
    tmp_path, monkeypatch
):
    assert (await disks.room(tmp_path)).status == "ok"
    monkeypatch.setattr(limits, "LOW_DISK_BYTES", 2**62)
    assert (await disks.room(tmp_path)).status == "warning"
    monkeypatch.setattr(limits, "FREE_BYTES", 2**62)
    found = await disks.room(tmp_path)
    assert (found.status, found.detail) == ("failed", "the disk is full; free some room")
    assert (await disks.room(tmp_path / "no")).status == "failed"


async def test_a_clock_that_goes_back_is_told_of_and_one_that_only_runs_is_not():
    now, steady = [1000.0], [0.0]
    watch = ClockWatch(None, lambda: now[0], lambda: steady[0])
    now[0], steady[0] = 1060.0, 60.0
    assert (await watch.check()).status == "ok"
    now[0], steady[0] = 1030.0, 61.0
    found = await watch.check()
    assert (found.status, found.facts["jumps"]) == ("warning", 1)
    assert "gone back" in found.detail
    watch.look()
    assert watch.jumps == 1


@pytest.mark.parametrize(("theirs", "word"), [(900.0, "ahead of"), (1100.0, "behind")])
async def test_a_clock_that_is_off_the_databases_is_warned_of(theirs, word):
    async def database():
        return theirs

    found = await ClockWatch(database, lambda: 1000.0, lambda: 0.0).check()
    assert found.status == "warning"
    assert f"100.0 s {word}" in found.detail
    assert found.facts["skew_seconds"] == 1000.0 - theirs


async def test_a_queue_that_is_half_full_is_warned_of():
    depth = [1]
    standing = [lambda: (("queue_depth", ("writes",), depth[0]), ("watchers", (), 9))]
    assert (await backlog.backlog(standing)).facts == {"writes": 1}
    depth[0] = limits.WRITE_QUEUE // 2
    found = await backlog.backlog(standing)
    assert (found.status, found.detail) == ("warning", "too much waits: writes")


@pytest.mark.parametrize(
    ("end", "status"), [(None, "failed"), (-1.0, "failed"), (3600.0, "warning"), (1e9, "ok")]
)
async def test_a_certificate_is_told_of_by_its_days(end, status):
    assert (await ends.certificate(lambda: end, lambda: 0.0)).status == status


async def test_a_server_is_reached_or_it_is_said_why_not(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = await reaching.reach([("127.0.0.1", port)])
        assert (found.status, list(found.facts)) == ("ok", ["milliseconds"])
    found = await reaching.reach([("127.0.0.1", port), ("no.such.invalid", 1)])
    assert found.status == "failed"
    assert f"127.0.0.1 port {port}: Connect" in found.detail
    assert "no.such.invalid port 1" in found.detail


async def test_a_server_that_lets_nobody_in_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(limits, "REACH_SECONDS", 0.01)
    monkeypatch.setattr(asyncio, "open_connection", lambda *_: asyncio.sleep(60))
    assert "no answer in 0.01 s" in (await reaching.reach([("192.0.2.1", 9)])).detail


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("postgresql://u:p@db.example/x", (("db.example", 5432),)),
        ("postgresql://a:1,b:2/x", (("a", 1), ("b", 2))),
        ("postgresql:///x?host=/var/run", ()),
        ("postgresql:///x?host=db", (("db", 5432),)),
        ("rediss://r:6400", (("r", 6400),)),
        ("memcached://[::1]", (("::1", 11211),)),
        ("https://issuer.example/a", (("issuer.example", 443),)),
        ("memory://", ()),
        ("file:///keys.json", ()),
    ],
)
def test_the_places_of_a_url(url, there):
    assert places(url) == there


def test_the_servers_that_the_settings_name_are_those_that_are_reached_for():
    given = {"store": "postgresql://db/x", "cache": "redis://r", "auth_issuer": "https://i"}
    given |= {"auth_audience": "a"}
    assert sorted(servers(load(given, environ={}))) == ["bus", "cache", "issuer", "store"]
    assert servers(load({"store": "sqlite:///x.db"}, environ={})) == {}


async def test_looks_are_taken_at_once_and_under_one_deadline(monkeypatch):
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.05)
    begun = []

    async def hang():
        begun.append(True)
        await asyncio.Event().wait()

    async def warned():
        return Look("warning", "soon", {"days": 3.0})

    checks = Checks([*(Dependency(str(n), hang) for n in range(20)), Dependency("w", warned)])
    found = await asyncio.wait_for(checks.seen(), 5)
    assert len(begun) == 20
    assert {seen.status for name, seen in found.items() if name != "w"} == {"failed"}
    assert (found["w"].status, found["w"].detail, found["w"].facts) == (
        "warning",
        "soon",
        {"days": 3.0},
    )
    assert checks.last is found


def test_readyz_falls_when_the_store_is_held_by_somebody_who_does_not_let_go(tmp_path):
    """A file that nobody can write is a dead store; it comes back by itself."""
    with serving(tmp_path) as server, server.client() as http:
        until(lambda: http.get("/readyz").status_code == 200)
        holder = sqlite3.connect(server.store, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        until(lambda: http.get("/readyz").status_code == 503, "the fall of /readyz")
        assert http.get("/livez").status_code == 200
        assert http.get("/healthz").json()["checks"]["store"]["status"] == "failed"
        holder.execute("ROLLBACK")
        holder.close()
        until(lambda: http.get("/readyz").status_code == 200, "its return")
    # What was seen holds for a moment, and a look has a deadline: that is the longest.
    assert limits.CHECKED_SECONDS + limits.CHECK_SECONDS < 5


def test_what_the_looks_came_to_is_among_the_metrics(tmp_path):
    with serving(tmp_path) as server, server.client() as http:
        until(lambda: 'backstory_check_failing{check="disk"} 0.0' in http.get("/metrics").text)
        text = http.get("/metrics").text
        assert 'backstory_check_seconds{check="store"}' in text
        assert "backstory_clock_jumps_total 0.0" in text
