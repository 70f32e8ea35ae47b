"""What is told by the protocol of sd_notify(3), and to whom."""

import os
import socket

import pytest

from backstory.cli.serving.service import Service


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(10)
        yield listening


def told(manager):
    return manager.recv(4096).decode().splitlines()


def environ(manager, **more):
    return {"NOTIFY_SOCKET": manager.getsockname(), "PATH": "/bin", **more}


def test_what_is_told_is_what_systemd_reads(manager):
    service = Service.taken_from(environ(manager))
    service.ready("2 workers")
    assert told(manager) == ["READY=1", "STATUS=2 workers"]
    service.reloading()
    first, second = told(manager)
    assert first == "RELOADING=1"
    assert second.startswith("MONOTONIC_USEC=")
    service.status("all is well")
    assert told(manager) == ["STATUS=all is well"]
    service.stopping()
    assert told(manager)[0] == "STOPPING=1"
    service.close()


def test_signs_of_life_are_given_three_times_in_the_time_that_the_watchdog_waits(manager):
    service = Service.taken_from(environ(manager, WATCHDOG_USEC="3000000"))
    assert service.beat_seconds == 1.0
    service.beat()  # nobody waits for it before the start is over
    service.ready("x")
    assert told(manager)[0] == "READY=1"
    service.beat()
    service.beat()  # not due yet
    service.status("after")
    assert told(manager) == ["WATCHDOG=1"]
    assert told(manager) == ["STATUS=after"]
    service.close()


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid() + 1)},
    ],
)
def test_nobody_is_watched_who_was_not_asked(manager, more):
    service = Service.taken_from(environ(manager, **more))
    assert service.beat_seconds is None
    service.close()


def test_processes_that_are_started_are_not_asked(manager):
    variables = environ(manager, WATCHDOG_USEC="1", WATCHDOG_PID=str(os.getpid()))
    Service.taken_from(variables).close()
    assert variables == {"PATH": "/bin"}


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all", "@nobody-listens-here"])
def test_a_manager_that_is_not_there_stops_nobody(address):
    service = Service.taken_from({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"})
    service.ready("x")
    service.beat()
    service.stopping()
    service.close()


def test_a_manager_that_does_not_read_stops_nobody(manager):
    service = Service.taken_from(environ(manager))
    service.beat_seconds = 0.0
    service.ready("x")
    for _ in range(5000):
        service.beat()
    service.close()


def test_an_abstract_socket_is_found():
    name = f"backstory-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(10)
        service = Service.taken_from({"NOTIFY_SOCKET": f"@{name}"})
        service.ready("x")
        assert told(listening)[0] == "READY=1"
        service.close()
