"""Names are drawn ahead, and no two are the same, whoever takes them."""

import os
from concurrent.futures import ThreadPoolExecutor

from backstory import ids
from backstory.cli.serving.turns import Drawn


def test_no_two_threads_get_the_same_name():
    drawn = Drawn()
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: drawn.take(ids.ID_BYTES), range(20_000)))
    assert len(set(names)) == len(names)
    assert {len(name) for name in names} == {ids.ID_BYTES}


def test_what_is_no_name_has_the_size_that_was_asked_for():
    assert len(Drawn().take(7)) == 7


def test_a_process_that_was_forked_off_draws_its_own():
    drawn = Drawn()
    drawn.take(ids.ID_BYTES)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, drawn.take(ids.ID_BYTES))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, ids.ID_BYTES)
    for end in (reading, writing):
        os.close(end)
    assert theirs not in {drawn.take(ids.ID_BYTES) for _ in range(300)}
