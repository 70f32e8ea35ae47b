"""The bus of one machine: hints inside the process, a look at the shared file for others'.

Another process that writes to the same file sends no message. While anyone listens, a probe
is called every `limits.FILE_POLL_SECONDS`; when its answer changes, somebody has written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from backstory import limits
from backstory.errors import StoreError
from backstory.messaging.hearers import Hearers
from backstory.ports.bus import Hear

_log = logging.getLogger(__name__)


class LocalBus:
    """`ports.bus.ChangeBus` without a server.

    `probe` returns a number that changes when any process has written; it has to be quick,
    since it runs on the event loop. Without one, only this process is heard. To be used
    inside one event loop.
    """

    def __init__(
        self,
        probe: Callable[[], int] | None = None,
        *,
        poll_seconds: float = limits.FILE_POLL_SECONDS,
        hint_seconds: float = limits.POLL_SECONDS,
    ) -> None:
        self._probe = probe
        self._poll_seconds, self._hint_seconds = poll_seconds, hint_seconds
        self._hearers = Hearers()
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    def announce(self, tenant: str) -> None:
        """Tell the hearers, once for all changes of a tenant in one turn of the loop."""
        self._hearers.announce(tenant)

    def subscribe(self, tenant: str, hear: Hear) -> Callable[[], None]:
        """Hear until the returned function is called, which may be done twice."""
        if self._closed:
            return lambda: None
        forget = self._hearers.add(tenant, hear)
        if self._looking is None and self._probe is not None:
            looking = self._look(self._probe)
            self._looking = asyncio.create_task(looking, name="backstory-local-bus")
            self._looking.add_done_callback(_log_failure)

        def leave() -> None:
            forget()
            if not self._hearers:
                self._stop_looking()

        return leave

    async def check(self) -> None:
        """There is nothing that could be away."""

    async def aclose(self) -> None:
        """Stop looking; nothing is heard any more."""
        self._closed = True
        self._hearers.clear()
        looking = self._looking
        self._stop_looking()
        if looking is not None:
            await asyncio.wait([looking])

    def _stop_looking(self) -> None:
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()

    async def _look(self, probe: Callable[[], int]) -> None:
        """Give a hint when the probe's number changes, and once in a while anyway."""
        loop = asyncio.get_running_loop()
        seen, due = _ask(probe), loop.time() + self._hint_seconds
        while True:
            await asyncio.sleep(self._poll_seconds)
            number = _ask(probe)
            if number != seen or loop.time() >= due:
                seen, due = number, loop.time() + self._hint_seconds
                self._hearers.tell_all()


def _ask(probe: Callable[[], int]) -> int | None:
    """The probe's number; None where it fails, which the regular hint makes up for."""
    try:
        return probe()
    except StoreError as error:
        _log.warning("the store could not be looked at: %s", error.detail)
        return None


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("looking for changes of other processes ended", exc_info=task.exception())
