"""What falls to a process that is the first of its container, tried without one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from backstory.cli.serving import first
from serving import SECONDS, until

STOP = """
import os, signal, sys
pid, os.getpid = os.getpid(), lambda: {number}
from backstory.cli.serving import first
first.stop_when_asked()
os.kill(pid, signal.SIGTERM)
"""


def ended_with(number):
    command = [sys.executable, "-c", STOP.format(number=number)]
    return subprocess.run(command, check=False, timeout=SECONDS).returncode


def test_the_first_process_stops_when_asked_before_it_serves():
    assert ended_with(1) == 128 + signal.SIGTERM


def test_any_other_is_stopped_by_the_kernel():
    assert ended_with(2) == -signal.SIGTERM


def test_those_who_were_adopted_are_buried_and_workers_are_left_alone(monkeypatch):
    orphan = os.spawnlp(os.P_NOWAIT, "true", "true")
    worker = subprocess.Popen(["sleep", str(SECONDS)])
    monkeypatch.setattr(first.os, "getpid", lambda: first._FIRST)
    monkeypatch.setattr(first, "_children", lambda _: {orphan, worker.pid})

    def buried():
        first.bury_strangers()
        return not Path(f"/proc/{orphan}").exists()

    until(buried, "that the orphan is buried")
    assert worker.poll() is None
    worker.kill()
    assert worker.wait(SECONDS) == -signal.SIGKILL


def test_nobody_else_buries_anybody(monkeypatch):
    monkeypatch.setattr(first, "_children", lambda _: 1 / 0)
    first.bury_strangers()


def test_the_children_of_a_process_are_those_that_it_started():
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        return
    with subprocess.Popen(["sleep", str(SECONDS)]) as child:
        assert child.pid in first._children(os.getpid())
        child.kill()
    assert first._children(child.pid) == set()
