"""A supervisor and its workers.

The supervisor holds the socket and opens no store. Workers stay in its process group, and
stop when it is gone. One that dies is replaced; at SIGHUP all are, one after the other, each
when the next already takes requests.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, MutableMapping

import uvicorn
from uvicorn.supervisors import Multiprocess

from backstory.cli.serving.one import SERVER
from backstory.cli.serving.stopping import SIGNALS
from backstory.cli.serving.worker import FAILED_START, HURRY, RETIRE, STOP, Worker
from backstory.config import TABLE, Settings

logger = logging.getLogger(__name__)

_START_SECONDS = 60.0
_LOOK_SECONDS = 0.2


def run(settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until a signal comes; `ready` is called once all workers take requests.

    Raises:
        SystemExit: the workers cannot start; the first has said why.
    """
    hand_down(settings, os.environ)
    config = uvicorn.Config(
        "backstory",  # never loaded: workers open the application themselves
        workers=settings.workers,
        timeout_worker_healthcheck=int(_START_SECONDS),
        **SERVER,
    )
    supervisor = Supervisor(config, [listener], ready, settings.drain_seconds)
    supervisor.run()
    if supervisor.failed:
        raise SystemExit(1)


def hand_down(settings: Settings, environ: MutableMapping[str, str]) -> None:
    """Write all settings into an environment, so that a child loads the same."""
    environ.pop("BACKSTORY_CONFIG", None)
    for name, setting in TABLE.items():
        value = getattr(settings, name)
        if isinstance(value, tuple):
            text = ",".join(value)
        elif isinstance(value, bool):
            text = "true" if value else "false"
        else:
            text = "" if value is None else str(value)
        environ[setting.variable] = text


class Supervisor(Multiprocess):
    """Starts one worker first: what stops it would stop them all, and is said once."""

    processes: list[Worker]  # type: ignore[assignment] # each is one of ours

    def __init__(
        self,
        config: uvicorn.Config,
        sockets: list[socket.socket],
        ready: Callable[[], None],
        drain_seconds: float,
    ) -> None:
        super().__init__(config, sockets)
        self._ready = ready
        self._drain_seconds = drain_seconds
        self._retired: list[Worker] = []
        self._replacing = False
        self.failed = False

    def init_processes(self) -> None:
        self.failed = not (self._start(1) and self._start(self.processes_num - 1))
        if self.failed:
            self.should_exit.set()
        elif not self.should_exit.is_set():
            self._ready()

    def _start(self, count: int) -> bool:
        """Start workers and wait until they take requests; False where one of them ended."""
        started = [self._begin() for _ in range(count)]
        self.processes += started
        return all(self._takes_requests(worker) for worker in started)

    def _begin(self) -> Worker:
        worker = Worker(self.config, self.sockets)
        worker.start()
        return worker

    def _takes_requests(self, worker: Worker) -> bool:
        """Wait until it does, or a signal says that nobody needs it; False where it ended."""
        while not self.should_exit.is_set():
            self.handle_signals()
            if not worker.process.is_alive():
                return False
            if worker.is_ready(timeout=_LOOK_SECONDS):
                return True
        return True

    def keep_subprocess_alive(self) -> None:
        """Put a new worker in the place of one that died or hangs."""
        self._retired = [worker for worker in self._retired if worker.process.is_alive()]
        for place, worker in enumerate(self.processes):
            if self.should_exit.is_set() or worker.is_alive(timeout=_START_SECONDS):
                continue
            worker.kill()
            worker.join()
            if worker.exitcode == FAILED_START:  # the next one would fail like it
                self.failed = True
                self.should_exit.set()
                return
            logger.warning("worker %s died, another takes its place", worker.pid)
            self.processes[place] = self._begin()

    def restart_all(self) -> None:
        """Replace each worker, the old one when the new one takes requests."""
        if self._replacing:
            return
        self._replacing = True
        for place, old in enumerate(self.processes):
            new = self._begin()
            if not self._takes_requests(new):
                logger.error("a new worker could not start; the others stay as they are")
                break
            self.processes[place] = new
            self._retire(old)
        self._replacing = False

    def handle_ttin(self) -> None:
        self.processes_num += 1
        self.processes.append(self._begin())

    def handle_ttou(self) -> None:
        if self.processes_num > 1:
            self.processes_num -= 1
            self._retire(self.processes.pop())

    def _retire(self, worker: Worker) -> None:
        worker.tell(RETIRE)
        self._retired.append(worker)

    def terminate_all(self) -> None:
        self.processes += self._retired
        self._tell(STOP)
        for listener in self.sockets:  # the workers have it, and close it in their time
            listener.close()

    def join_all(self) -> None:
        """Wait for the workers to finish. A second signal ends the drain, one more means now."""
        drained = time.monotonic() + self._drain_seconds
        for worker in self.processes:
            while worker.process.is_alive():
                worker.process.join(_LOOK_SECONDS)
                if not any(number in SIGNALS for number in self.signal_queue):
                    continue
                self.signal_queue.clear()
                if time.monotonic() < drained:
                    self._tell(HURRY)
                    drained = 0.0
                else:
                    self._kill_all()

    def _tell(self, number: int) -> None:
        for worker in self.processes:
            worker.tell(number)

    def _kill_all(self) -> None:
        for worker in self.processes:
            worker.process.kill()
