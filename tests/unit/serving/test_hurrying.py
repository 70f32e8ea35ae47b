"""Who is asked twice to stop does not wait, but for its log."""

import signal
import threading
from types import SimpleNamespace

from backstory.cli.serving import stopping


def test_who_is_hurried_twice_writes_the_last_lines_before_it_ends(monkeypatch):
    told = []
    server = object.__new__(stopping.Server)
    server.drain_seconds, server._hurried = 1, threading.Event()
    log = SimpleNamespace(flush=lambda: told.append("flushed"))
    monkeypatch.setattr(stopping, "present", lambda: log)
    monkeypatch.setattr(stopping.os, "_exit", told.append)
    server.hurry()
    assert told == []
    server.hurry()
    assert told == ["flushed", 128 + signal.SIGTERM]
