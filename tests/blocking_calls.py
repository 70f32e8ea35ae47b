"""Fails what blocks the event loop: a sleep, a name look-up or a lock that waits.

An audit hook (PEP 578) sees these calls from any library, and raises where a loop is running
in the same thread; worker threads may block. Opening files is let through, since lazy
imports do it.
"""

import asyncio
import fcntl
import sys
import time

_BLOCKING = frozenset(
    {
        "time.sleep",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "sqlite3.connect",
        "os.system",
    }
)


class BlockingCallError(AssertionError):
    """Something would have stopped every request of this process."""


def _blocks(event, arguments):
    if event in {"fcntl.flock", "fcntl.lockf"}:
        return not arguments[1] & (fcntl.LOCK_NB | fcntl.LOCK_UN)
    return event in _BLOCKING and not _is_numeric_look_up(event, arguments)


def _is_numeric_look_up(event, arguments):
    """A look-up of an address asks nobody; servers do it before they bind."""
    host = arguments[0] if event == "socket.getaddrinfo" else None
    return event == "socket.getaddrinfo" and (
        host is None or ":" in str(host) or str(host).replace(".", "").isdigit()
    )


def _hook(event, arguments):
    if _blocks(event, arguments) and asyncio._get_running_loop() is not None:
        raise BlockingCallError(f"{event} blocks the event loop; use a thread")


def _audited_sleep(seconds, *, sleep=time.sleep):
    sys.audit("time.sleep", seconds)
    sleep(seconds)


def install():
    """Watches from now on; audit hooks cannot be taken back."""
    if sys.version_info < (3, 13):  # later ones audit it themselves
        time.sleep = _audited_sleep
    sys.addaudithook(_hook)
