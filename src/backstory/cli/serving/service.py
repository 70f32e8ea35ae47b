"""What systemd is told of the server, by the protocol of sd_notify(3).

Datagrams of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names. A manager that does not
listen stops nobody: what cannot be sent is not sent.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final

_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG: Final = "WATCHDOG_USEC"
_WATCHED: Final = "WATCHDOG_PID"
_PATIENCE_SECONDS: Final = 1.0  # with a manager that is slow to read
_BEATS: Final = 3  # signs of life within the time that the watchdog waits


class Service:
    """The service manager that started this process, if one wants to hear of it.

    `beat_seconds` is how often it wants a sign of life, None for never.
    """

    def __init__(self, address: str | None = None, beat_seconds: float | None = None) -> None:
        self.beat_seconds = beat_seconds
        self._due = math.inf  # the watchdog waits for nothing before the start is over
        self._socket = None
        if address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._address = f"\0{address[1:]}" if address.startswith("@") else address

    @classmethod
    def taken_from(cls, environ: MutableMapping[str, str]) -> Service:
        """As the variables say, which are taken out: what this process starts is not asked."""
        address = environ.pop(_SOCKET, None)
        watched = environ.pop(_WATCHED, str(os.getpid()))
        wanted = environ.pop(_WATCHDOG, "")
        if not address or address[0] not in "/@":
            return cls()
        asked = wanted.isdecimal() and watched == str(os.getpid()) and int(wanted) > 0
        return cls(address, int(wanted) / 1e6 / _BEATS if asked else None)

    def ready(self, status: str) -> None:
        """Requests are taken, for the first time or after a reload."""
        self._send("READY=1", f"STATUS={status}")
        self._due = 0.0

    def reloading(self) -> None:
        """Workers are being replaced, since somebody asked for it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1", "STATUS=Stopping")

    def status(self, text: str) -> None:
        """What people read in `systemctl status`."""
        self._send(f"STATUS={text}")

    def beat(self) -> None:
        """A sign of life, if one is due; to be called at least as often as wanted."""
        if self.beat_seconds is not None and time.monotonic() >= self._due:
            self._due = time.monotonic() + self.beat_seconds
            self._send("WATCHDOG=1", patience=0.0)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *lines: str, patience: float = _PATIENCE_SECONDS) -> None:
        if self._socket is not None:
            self._socket.settimeout(patience)
            with contextlib.suppress(OSError):  # full, gone, or forbidden by a sandbox
                self._socket.sendto("\n".join(lines).encode(), self._address)
