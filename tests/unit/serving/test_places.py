"""Who dies after a long life is replaced at once; who dies young again and again, later and later."""

from types import SimpleNamespace

import pytest

from backstory import limits
from backstory.cli.serving.places import Pause, Place
from backstory.cli.serving.worker import Worker

MIB = limits.MIB


def test_the_first_time_there_is_no_pause_and_each_one_after_it_is_twice_as_long():
    pause = Pause(0.5, 30.0, 90.0)
    assert [pause.next(now) for now in range(9)] == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]


def test_no_pause_is_longer_than_the_most_however_often():
    pause = Pause(0.5, 30.0, 90.0)
    assert {pause.next(0.0) for _ in range(5000)} <= {0, 0.5, 1, 2, 4, 8, 16, 30}


def test_a_long_life_is_a_new_beginning():
    pause = Pause(0.5, 30.0, 90.0)
    assert [pause.next(0), pause.next(90), pause.next(181), pause.next(182)] == [0, 0.5, 0, 0.5]


def worker(ready_at=0.0, memory=0):
    return SimpleNamespace(ready_at=ready_at, memory=lambda: memory)


def test_a_place_waits_only_while_it_is_empty():
    place = Place(worker())
    place.due = 10.0
    assert not place.waits(5.0)
    place.worker = None
    assert place.waits(5.0)
    assert not place.waits(10.0)
    place.successor = worker()
    assert not place.waits(5.0)


def test_a_worker_is_large_above_the_bound_and_once_it_has_opened_what_it_needs():
    place = Place(worker(ready_at=100.0, memory=2 * MIB))
    settled = 100.0 + limits.WORKER_GROWTH_SECONDS
    assert place.is_large(settled, MIB) == 2 * MIB
    assert place.is_large(settled, 2 * MIB) is None
    assert place.is_large(settled - 0.1, MIB) is None
    place.worker = worker(ready_at=None, memory=2 * MIB)
    assert place.is_large(settled, MIB) is None


def test_workers_that_grow_at_once_are_replaced_less_and_less_often():
    place = Place(worker(memory=2 * MIB))
    now, pauses = 10.0, []
    for _ in range(12):
        assert place.is_large(now, MIB) is not None
        pauses.append(place.recycled(now))
        assert place.is_large(now + pauses[-1] - 0.1, MIB) is None or not pauses[-1]
        now += pauses[-1]
    assert pauses[:4] == [0, 2, 4, 8]
    assert pauses[-1] == limits.WORKER_GROWTH_MOST_SECONDS


@pytest.fixture
def seen():
    """A worker as its supervisor sees it, without a process."""
    made = Worker.__new__(Worker)
    made._pulse = SimpleNamespace(ready_at=0.0, beat_at=0.0)
    made.process = SimpleNamespace(is_alive=lambda: True, exitcode=None)
    made.begun_at = made._forgiven_at = 100.0
    return made


def ended(seen):
    seen.process = SimpleNamespace(is_alive=lambda: False, exitcode=-9)


def test_a_worker_that_starts_may_be_silent_but_not_forever(seen):
    assert seen.trouble(100.0 + limits.WORKER_START_SECONDS, 1.0) is None
    assert seen.trouble(100.1 + limits.WORKER_START_SECONDS, 1.0) == "start"


def test_a_worker_that_ends_before_it_serves_did_not_start(seen):
    ended(seen)
    assert seen.trouble(101.0, 1.0) == "start"


def test_a_worker_that_serves_has_to_give_signs_of_life(seen):
    seen._pulse = SimpleNamespace(ready_at=101.0, beat_at=110.0)
    assert seen.trouble(111.0, 1.0) is None
    assert seen.trouble(111.1, 1.0) == "silent"
    assert seen.trouble(1e9, 0.0) is None
    ended(seen)
    assert seen.trouble(110.0, 1.0) == "died"
    assert seen.how_it_ended() == "SIGKILL"


def test_silence_is_forgiven_where_the_supervisor_stood_still_itself(seen):
    seen._pulse = SimpleNamespace(ready_at=101.0, beat_at=110.0)
    seen.forgive(500.0)
    assert seen.trouble(501.0, 1.0) is None
    assert seen.trouble(501.1, 1.0) == "silent"
