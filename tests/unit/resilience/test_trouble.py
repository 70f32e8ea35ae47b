"""Trouble that goes on is told of once, and so is its end."""

import logging

from backstory.errors import BusyError, StoreUnavailableError
from backstory.resilience.trouble import Trouble

AWAY = StoreUnavailableError("the database does not answer")


def test_it_is_told_of_when_it_begins_when_its_reason_is_another_and_when_it_is_over(caplog):
    caplog.set_level(logging.INFO)
    trouble = Trouble(logging.getLogger("test"), "sweep")
    trouble.over()
    for error in (AWAY, AWAY, BusyError("too many reads"), AWAY):
        trouble.met(error)
    trouble.over()
    trouble.over()
    trouble.met(AWAY)
    away = ("WARNING", "cannot sweep: the database does not answer (store_unavailable)")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        away,
        ("WARNING", "cannot sweep: too many reads (busy)"),
        away,
        ("INFO", "can sweep again"),
        away,
    ]


async def test_a_task_tells_of_whatever_its_work_fails_with_and_lives_on(caplog):
    trouble = Trouble(logging.getLogger("tests.trouble"), "sweep")
    failures = [StoreUnavailableError("away"), RuntimeError("a mistake"), None]

    async def work():
        if error := failures.pop(0):
            raise error

    with caplog.at_level(logging.INFO, "tests.trouble"):
        for _ in range(3):
            await trouble.telling(work)
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said == [
        ("WARNING", "cannot sweep: away (store_unavailable)"),
        ("ERROR", "failed to sweep"),
        ("INFO", "can sweep again"),
    ]
