"""A supervisor and its workers.

The supervisor holds the socket and opens no store. Workers stay in its process group, and
stop when it is gone. It comes round several times a second, and never waits for one of them:

    died, silent   another takes the place, at once or, where one after the other dies, later
    too large      another takes the place first, one at a time
    SIGHUP         the same for all of them, one after the other
    SIGTERM        all are told, waited for, and ended where they do not end

Reasons: docs/decisions/0034-draining.md and docs/decisions/0060-healing.md.
"""

from __future__ import annotations

import logging
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from typing import Final

from backstory import limits
from backstory.cli.serving import first
from backstory.cli.serving.places import Place
from backstory.cli.serving.service import Service
from backstory.cli.serving.sockets import Sockets
from backstory.cli.serving.worker import HURRY, RETIRE, STOP, Worker
from backstory.observability.crew import Crew, Reason

logger = logging.getLogger(__name__)

_ROUND_SECONDS: Final = 0.2
_STOPS: Final = (signal.SIGTERM, signal.SIGINT)
_HEARD: Final = (*_STOPS, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU)


class Supervisor:
    """Starts one worker first: what stops it would stop them all, and is said once."""

    def __init__(
        self,
        sockets: Sockets,
        ready: Callable[[], None],
        service: Service,
        *,
        count: int,
        drain_seconds: float,
        silence_seconds: float,
        memory_bytes: int,
    ) -> None:
        self._sockets, self._ready, self._service = sockets, ready, service
        self._count = count
        self._drain, self._silence = drain_seconds, silence_seconds
        self._memory = memory_bytes
        self._crew = Crew()
        self._places: list[Place] = []
        self._retired: list[tuple[Worker, float]] = []
        self._wanted: deque[Place] = deque()
        """Whose workers are to be replaced while they serve, one after the other."""
        self._signals: deque[int] = deque()
        self._came_round = time.monotonic()
        self._serving = self._stopping = self._reloading = False
        self.failed = False

    def run(self) -> None:
        """Until a signal says so, or the workers cannot start."""
        for number in _HEARD:
            signal.signal(number, lambda number, _frame: self._signals.append(number))
        self._places.append(Place(self._begin()))
        while not self._stopping:
            self._come_round(time.monotonic())
        self._stop()

    def _come_round(self, now: float) -> None:
        self._notice_a_gap(now)
        self._service.beat()
        while self._signals and not self._stopping:
            self._hear(self._signals.popleft())
        self._bury_the_retired(now)
        first.bury_strangers()
        if not self._serving:
            self._start()
            return
        for place in self._places:
            self._mind(place, now)
        self._crew.wanted = len(self._places)
        self._crew.waiting = sum(place.waits(now) for place in self._places)
        self._look_for_the_large(now)
        self._replace(now)

    def _start(self) -> None:
        workers = [worker for place in self._places for worker in place.workers]
        if any(worker.trouble(time.monotonic(), self._silence) for worker in workers):
            self.failed = self._stopping = True
        elif any(worker.ready_at is None for worker in workers):
            self._pause()
        elif len(workers) < self._count:
            self._places += [Place(self._begin()) for _ in range(self._count - len(workers))]
        else:
            self._serving = True
            self._ready()
            self._service.ready(self._status())

    def _begin(self) -> Worker:
        return Worker(self._sockets, self._crew)

    def _pause(self) -> None:
        """Until a worker ends, at most for a round."""
        wait([worker.process.sentinel for worker in self._workers()], _ROUND_SECONDS)

    def _workers(self) -> Iterator[Worker]:
        for place in self._places:
            yield from place.workers
        yield from (worker for worker, _ in self._retired)

    def _status(self) -> str:
        missing = self._crew.waiting
        text = f"{len(self._places)} workers"
        return f"{text}, {missing} of them died again and again" if missing else text

    def _notice_a_gap(self, now: float) -> None:
        """Where the supervisor stood still itself, workers may have done so for the same reason."""
        if now - self._came_round > limits.WORKER_GAP_SECONDS:
            for worker in self._workers():
                worker.forgive(now)
        self._came_round = now

    def _mind(self, place: Place, now: float) -> None:
        worker = place.worker
        if worker is None:
            if place.successor is None and now >= place.due:
                place.worker = self._begin()
            return
        reason = worker.trouble(now, self._silence)
        if reason is not None:
            worker.kill()
            place.worker = None
            self._lost(place, worker, reason, now)

    def _lost(self, place: Place, worker: Worker, reason: Reason, now: float) -> None:
        pause = place.deaths.next(now)
        place.due = now + pause
        self._crew.replaced(reason)
        how = {
            "silent": f"gave no sign of life for {self._silence:g} s and was killed",
            "start": f"ended before it took requests ({worker.how_it_ended()})",
        }.get(reason, f"died ({worker.how_it_ended()})")
        if not pause:
            logger.warning("worker %d %s; another takes its place", worker.pid, how)
            return
        self._service.status(self._status())
        logger.error(
            "worker %d %s, the last of %d in a row; another takes its place in %g s",
            worker.pid,
            how,
            place.deaths.times,
            pause,
        )

    def _look_for_the_large(self, now: float) -> None:
        if not self._memory or self._wanted or self._retired or self._coming() is not None:
            return
        for place in self._places:
            size = place.is_large(now, self._memory)
            if size is not None and place.worker is not None:
                pause = place.recycled(now)
                self._crew.replaced("memory")
                logger.warning(
                    "worker %d has %d MiB, more than worker_memory_megabytes; "
                    "another takes its place%s",
                    place.worker.pid,
                    size // limits.MIB,
                    f", and none for {pause:g} s, since workers grow so fast" if pause else "",
                )
                self._wanted.append(place)
                return

    def _coming(self) -> Place | None:
        return next((place for place in self._places if place.successor is not None), None)

    def _replace(self, now: float) -> None:
        """One step of the replacing of workers that serve; pauses where there is none."""
        place = self._coming()
        if place is None:
            if self._wanted:
                self._wanted.popleft().successor = self._begin()
                return
            if self._reloading:
                self._reloading = False
                self._service.ready(self._status())
            self._pause()
            return
        new = place.successor
        assert new is not None, "the place is chosen for it"
        if new.trouble(now, self._silence):
            new.kill()
            place.successor = None
            self._wanted.clear()
            logger.error("a new worker could not start; the others stay as they are")
        elif new.ready_at is None:
            self._pause()
        else:
            if place.worker is not None:
                self._retire(place.worker)
            place.worker, place.successor = new, None

    def _retire(self, worker: Worker) -> None:
        worker.tell(RETIRE)
        drain = max(self._drain, limits.RETIRE_SECONDS)
        self._retired.append((worker, time.monotonic() + drain + limits.WORKER_END_SECONDS))

    def _bury_the_retired(self, now: float) -> None:
        for worker, end in self._retired:
            if now > end and not worker.ended:
                logger.warning("worker %d did not end in time and was killed", worker.pid)
                worker.kill()
        self._retired = [one for one in self._retired if not one[0].ended]

    def _hear(self, number: int) -> None:
        if number in _STOPS:
            self._stopping = True
        elif not self._serving:
            return  # the workers are only just being started
        elif number == signal.SIGHUP:
            self._reload()
        elif number == signal.SIGTTIN:
            self._places.append(Place(self._begin()))
        elif number == signal.SIGTTOU and len(self._places) > 1:
            place = self._places.pop()
            if place in self._wanted:
                self._wanted.remove(place)
            for worker in place.workers:
                self._retire(worker)

    def _reload(self) -> None:
        for place in self._places:
            if place not in self._wanted and place.successor is None:
                self._crew.replaced("asked")
                self._wanted.append(place)
        self._reloading = True
        self._service.reloading()

    def _stop(self) -> None:
        """Wait for the workers to finish. A second signal ends the drain, one more means now."""
        self._service.stopping()
        workers = list(self._workers())
        _tell(workers, STOP)
        self._sockets.close()  # the workers have them, and close them in their time
        drained = time.monotonic() + self._drain
        end = drained + limits.WORKER_END_SECONDS
        while left := [worker for worker in workers if not worker.ended]:
            wait([worker.process.sentinel for worker in left], _ROUND_SECONDS)
            self._service.beat()
            now = time.monotonic()
            again = any(number in _STOPS for number in self._signals)
            self._signals.clear()
            hurry = again and now < drained
            if hurry:
                _tell(left, HURRY)
                drained, end = 0.0, now + limits.WORKER_END_SECONDS
            for worker in left:
                silent = worker.trouble(now, self._silence) == "silent"
                if silent or now > end or (again and not hurry):
                    worker.process.kill()


def _tell(workers: list[Worker], number: int) -> None:
    for worker in workers:
        worker.tell(number)
