"""Work that never waits is done without a timer; what waits is bounded as before."""

import asyncio
from contextvars import ContextVar

import pytest

from backstory.resilience import stepping
from backstory.resilience.stepping import LateError, timed

NAME = ContextVar("name", default="none")


async def nothing(value):
    return value


async def wait(event, value):
    await event.wait()
    return value


async def test_what_never_waits_needs_no_timer(monkeypatch):
    def timeout(seconds):
        raise AssertionError("a timer was made")

    monkeypatch.setattr(stepping.asyncio, "timeout", timeout)
    assert await timed(nothing(7), 1) == 7
    with pytest.raises(ZeroDivisionError):
        await timed(fail(), 1)


async def fail():
    raise ZeroDivisionError


async def test_what_waits_goes_on_where_it_stopped():
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await timed(wait(event, 7), 60) == 7


async def test_it_may_wait_for_anything_that_a_task_may_wait_for():
    async def work():
        await asyncio.sleep(0)
        first = await asyncio.create_task(nothing(1))
        async with asyncio.timeout(60):
            second = await asyncio.shield(nothing(2))
        third = await asyncio.gather(nothing(3), nothing(4))
        return [first, second, *third]

    assert await timed(work(), 60) == [1, 2, 3, 4]


async def test_whatever_is_awaitable_is_awaited():
    task = asyncio.create_task(nothing(7))
    assert await timed(task, 60) == 7


async def test_what_waits_too_long_is_cancelled_and_may_clean_up():
    cleaned = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(NAME.get())

    NAME.set("mine")
    with pytest.raises(LateError, match=r"not done within 5 seconds"):
        await timed(work(), 0, told=5)
    assert cleaned == ["mine"]


async def test_an_error_in_what_it_waits_for_is_thrown_where_it_waits():
    future = asyncio.get_running_loop().create_future()

    async def work():
        try:
            await future
        except KeyError:
            return "caught"

    asyncio.get_running_loop().call_soon(future.set_exception, KeyError("x"))
    assert await timed(work(), 60) == "caught"


async def test_a_cancelled_caller_cancels_the_work():
    ended = []

    async def work():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    task = asyncio.create_task(timed(work(), 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cancelled"]


async def test_late_work_within_late_work_tells_of_its_own_time():
    async def work():
        await timed(asyncio.Event().wait(), 0, told=1)

    with pytest.raises(LateError, match=r"within 1 seconds"):
        await timed(work(), 60)
